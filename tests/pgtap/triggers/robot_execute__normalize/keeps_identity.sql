-- An execution keeps its id, its robot and its module: the lease of one attempt is of that robot only.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Y') as m \gset
select capataz_test.module('Y2') as m \gset
select capataz_test.running('Y') as e \gset
select capataz_test.robot('Y', p_robot_id => 'y-2') as r \gset
select throws_ok(
  $$update capataz.robot_execute set execute_id = gen_random_uuid()::text where module_name = 'Y'$$, 'RB409', null, 'the id'
);
select throws_ok($$update capataz.robot_execute set robot_id = 'y-2' where module_name = 'Y'$$, 'RB409', null, 'the robot');
select throws_ok($$update capataz.robot_execute set module_name = 'Y2' where module_name = 'Y'$$, 'RB409', null, 'the module');

select * from finish();
rollback;
