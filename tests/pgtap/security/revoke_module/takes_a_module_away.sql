-- What is revoked is gone; a role that was tied once stays tied, also to nothing (ADR 0019).
begin;
select plan(8);
select capataz_test.module('RevA') as a \gset
create role revoke_test_producer in role capataz_producer;
set local role revoke_test_producer;
select lives_ok($$select * from capataz.submit_robot('T', '{}', 'RevA')$$, 'a producer that is tied to nothing submits anywhere');
reset role;
select capataz.grant_module('RevA', 'revoke_test_producer');
select ok(capataz.revoke_module('RevA', 'revoke_test_producer'), 'a grant is taken away');
select ok(not capataz.revoke_module('RevA', 'revoke_test_producer'), 'and was not there the second time');
set local role revoke_test_producer;
select is(capataz.my_modules(), '{}'::text[], 'the role reaches nothing now: it does not fall back to everything');
select throws_ok(
  $$select * from capataz.submit_robot('T', '{}', 'RevA')$$, 'RB403', 'module "RevA" is not yours', 'so it submits nothing'
);
select throws_ok(
  $$select * from capataz.submit_robot('T')$$, 'RB503', 'none of your modules can take robots of type "T" now',
  'and nothing is routed to where it may not go'
);
reset role;
select throws_ok($$select capataz.revoke_module('', 'x')$$, 'RB400', null, 'a module is named');
select is(
  (select count(*)::integer from capataz.module_grants('RevA')), 0, 'no grant is left'
);

select * from finish();
rollback;
