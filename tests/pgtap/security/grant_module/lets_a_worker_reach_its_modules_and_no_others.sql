-- A worker reaches what was granted to it or to a role it is a member of, and nothing else (specification 5.1, ADR 0019).
begin;
select plan(13);
select capataz_test.module('IsoA') as a \gset
select capataz_test.module('IsoB') as b \gset
create role grant_test_worker in role capataz_worker;
create role grant_test_team in role capataz_worker;
create role grant_test_member in role grant_test_team;

set local role grant_test_worker;
select is(capataz.my_modules(), '{}'::text[], 'a worker reaches nothing at first');
select throws_ok(
  $$select * from capataz.claim_robots('IsoA')$$, 'RB403', 'module "IsoA" is not yours', 'and claims nothing'
);
select throws_ok(
  $$select * from capataz.claim_robots('IsoNone')$$, 'RB403', 'module "IsoNone" is not yours',
  'it does not learn which modules there are'
);
reset role;

select ok(capataz.grant_module('IsoA', 'grant_test_worker'), 'a grant is new');
select ok(not capataz.grant_module('IsoA', 'grant_test_worker'), 'a second time it is not');
select capataz.grant_module('IsoB', 'grant_test_team');

set local role grant_test_worker;
select is(capataz.my_modules(), '{IsoA}'::text[], 'a granted module is reached');
select lives_ok($$select * from capataz.claim_robots('IsoA')$$, 'and claimed for');
select throws_ok(
  $$select * from capataz.claim_robots('IsoB')$$, 'RB403', 'module "IsoB" is not yours', 'another one is not'
);
set local role grant_test_member;
select is(capataz.my_modules(), '{IsoB}'::text[], 'members of a role reach what was granted to the role');
reset role;

select throws_ok(
  $$select capataz.grant_module('IsoNone', 'grant_test_worker')$$, 'RB404', 'no module "IsoNone"', 'the module must exist'
);
select throws_ok(
  $$select capataz.grant_module('IsoA', 'grant_test_nobody')$$, 'RB404', 'no role "grant_test_nobody"', 'and so must the role'
);
select throws_ok($$select capataz.grant_module(null, 'x')$$, 'RB400', 'module_name is required', 'a module is named');
select throws_ok($$select capataz.grant_module('IsoA', null)$$, 'RB400', 'role_name is required', 'and a role');

select * from finish();
rollback;
