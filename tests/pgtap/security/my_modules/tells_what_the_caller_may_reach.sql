-- Every module, or those of the caller's role or key (ADR 0019).
begin;
select plan(5);
select capataz_test.module('MineA') as a \gset
select capataz_test.module('MineB') as b \gset
create role mine_test_gateway in role capataz_gateway;
select capataz.issue_api_key('MineB', 'test', array['read']) as key \gset

set local role capataz_operator;
select ok(capataz.my_modules() @> array['MineA', 'MineB'], 'an operator reaches every module');
set local role capataz_viewer;
select ok(capataz.my_modules() @> array['MineA', 'MineB'], 'so does a viewer');
set local role mine_test_gateway;
select throws_ok('select capataz.my_modules()', 'RB401', 'the API key is not valid', 'the gateway reaches nothing without a key');
select is((select module_name from capataz.authenticate(:'key')), 'MineB', 'with a key');
select is(capataz.my_modules(), array['MineB'], 'it reaches the module of the key');

select * from finish();
rollback;
