-- An API key with admin registers its module again with the types it has, or with fewer: with a new one the router would hand
-- it robots that callers meant for others, past their schemas and levels (ADR 0020).
begin;
select plan(9);
select capataz_test.module('TypesA', p_types => array['TA', 'TA2']) as a \gset
select capataz_test.module('TypesB', p_types => array['TB']) as b \gset
select capataz.issue_api_key('TypesA', 'boss', array['admin']) as key \gset
create role types_test in role capataz_gateway;
set local role types_test;
select is((select label from capataz.authenticate(:'key')), 'boss', 'an admin key');
select throws_ok(
  $$select capataz.register_module('TypesA', '1.0', array['TA', 'TB'], 'test')$$, 'RB403',
  'an API key may not add robot types to its module', 'a type of another module is refused'
);
select throws_ok(
  $$select capataz.register_module('TypesA', '2.0', array['TA', 'NEW'], 'test')$$, 'RB403',
  'an API key may not add robot types to its module', 'so is one that nobody has, with a new version too'
);
select lives_ok($$select capataz.register_module('TypesA', '2.0', array['TA2', 'TA'], 'test')$$, 'the types it has it may name in any order');
select lives_ok($$select capataz.register_module('TypesA', '2.1', array['TA'], 'test')$$, 'and leave some out');
select throws_ok(
  $$select capataz.register_module('TypesA', '2.2', array['TA', 'TA2'], 'test')$$, 'RB403',
  'an API key may not add robot types to its module', 'what it gave up comes back by an admin only'
);
reset role;
select is((capataz_test.module_row('TypesA')).supported_robot_types::text[], array['TA'], 'what was refused changed nothing');
select is((capataz_test.module_row('TypesA')).module_version::text, '2.1', 'the version neither');
select lives_ok($$select capataz.register_module('TypesA', '3', array['TA', 'TB'], 'test')$$, 'an admin adds types');

select * from finish();
rollback;
