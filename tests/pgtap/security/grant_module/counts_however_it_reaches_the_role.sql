-- A grant counts for the role itself, through a role it is a member of, and once where both have it; for a gateway never
-- (specification 5.1, ADR 0019). claim_robots and submit_robot look up a grant to the caller itself, and all others else.
begin;
select plan(14);
select capataz_test.module('GrantA') as a \gset
select capataz_test.module('GrantB') as b \gset
create role grant_test_team in role capataz_worker, capataz_producer;
create role grant_test_member in role grant_test_team;
create role grant_test_gateway in role capataz_gateway, capataz_worker;
select capataz.grant_module('GrantA', 'grant_test_team'), capataz.grant_module('GrantB', 'grant_test_team') \gset g1_
select capataz.grant_module('GrantA', 'grant_test_member') as g2 \gset
select capataz.grant_module('GrantA', 'grant_test_gateway') as g3 \gset
select capataz.issue_api_key('GrantB', 'test', array['submit', 'work']) as key \gset

set local role grant_test_member;
select is(capataz.my_modules(), array['GrantA', 'GrantB'], 'a module that is granted twice is there once');
select lives_ok($$select capataz.submit_robot('T', '{}', 'GrantA')$$, 'what is granted to the role itself counts');
select lives_ok($$select capataz.submit_robot('T', '{}', 'GrantB')$$, 'and what is granted to a role it is a member of');
select is((select count(*)::integer from capataz.claim_robots('GrantA')), 1, 'the same for claims: its own');
select is((select count(*)::integer from capataz.claim_robots('GrantB')), 1, 'and its team''s');
select throws_ok(
  $$select capataz.claim_robots('GrantC')$$, 'RB403', 'module "GrantC" is not yours', 'nothing else counts'
);
-- a cache key of another module that is one's own is no foreign one
select lives_ok($$select capataz.submit_robot('T', '{}', 'GrantB', p_cache_key => 'k')$$, 'a key of cache in one module');
select is(
  (select array[module_name::text, deduplicated::text] from capataz.submit_robot('T', p_cache_key => 'k')),
  array['GrantB', 'true'], 'is answered, whichever module would be chosen'
);
select throws_ok(
  $$select * from capataz.submit_robot('T', '{}', 'GrantA', p_cache_key => 'k')$$, 'RB409',
  'the cache_key is held by a robot of another type or module', 'and held, where the other is named'
);

set local role grant_test_gateway;
select throws_ok($$select capataz.claim_robots('GrantA')$$, 'RB401', 'the API key is not valid', 'a grant is no key');
select is((select module_name from capataz.authenticate(:'key')), 'GrantB', 'with a key');
select throws_ok(
  $$select capataz.claim_robots('GrantA')$$, 'RB403', 'module "GrantA" is not yours', 'the gateway reaches the key''s module alone'
);
select throws_ok(
  $$select capataz.submit_robot('T', '{}', 'GrantA')$$, 'RB403', 'module "GrantA" is not yours', 'also to submit'
);
select lives_ok($$select capataz.claim_robots('GrantB')$$, 'which it does');

select * from finish();
rollback;
