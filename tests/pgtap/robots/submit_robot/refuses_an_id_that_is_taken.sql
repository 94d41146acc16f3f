-- A robot_id that exists is RB409, with and without a cache key; the robot that has it is untouched.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('E') as m \gset
select count(*) from capataz.submit_robot('T', '{"n": 1}', 'E', p_robot_id => 'e-1');
select throws_ok(
  $$select * from capataz.submit_robot('T', '{"n": 2}', 'E', p_robot_id => 'e-1')$$, 'RB409', 'robot_id "e-1" is already taken', 'without a key'
);
select throws_ok(
  $$select * from capataz.submit_robot('T', '{"n": 2}', 'E', p_robot_id => 'e-1', p_cache_key => 'k')$$, 'RB409',
  'robot_id "e-1" is already taken', 'with a key'
);
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T", "module_name": "E", "robot_id": "e-2"}, {"robot_type": "T", "module_name": "E", "robot_id": "e-1"}]')$$,
  'RB409', 'robot_id "e-1" is already taken', 'in bulk'
);
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T", "module_name": "E", "robot_id": "e-3"}, {"robot_type": "T", "module_name": "E", "robot_id": "e-3"}]')$$,
  'RB409', 'robot_id "e-3" is already taken', 'twice in one call'
);
select is(
  (select array_agg(robot_id::text || input_data) from capataz.robots where module_name = 'E'), array['e-1{"n": 1}'],
  'only the first exists'
);

select * from finish();
rollback;
