-- A robot that plain SQL makes PROCESSING, by insert or update, gets one RUNNING execution of its module (design 5).
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A', '{"timeout_seconds": 77}') as m \gset
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status) values ('a-1', 'T', 'A', '{}', 'PROCESSING');
select results_eq(
  $$select execution_state::text, module_name::text, started_at, timeout_seconds, completed_at
    from capataz.robot_execute where robot_id = 'a-1'$$,
  $$values ('RUNNING', 'A', '2026-03-10 12:00'::timestamp, 77, null::timestamp)$$,
  'an inserted PROCESSING robot runs, with the timeout of its module'
);
select matches(
  capataz_test.active('a-1'), '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', 'execute_id is a UUID'
);
insert into capataz.robots (robot_id, robot_type, module_name, input_data)
select 'a-' || i, 'T', 'A', '{}' from generate_series(2, 6) as i;
update capataz.robots set status = 'PROCESSING' where robot_id in ('a-2', 'a-3', 'a-4');
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'A' and execution_state = 'RUNNING'), 4,
  'one statement on three robots opens three executions'
);
update capataz.robots set priority = 'HIGH' where module_name = 'A';
select is((select count(*)::integer from capataz.robot_execute where module_name = 'A'), 4, 'other changes open none');
select ok(capataz_test.is_coupled('A'), 'every PROCESSING robot has exactly one active execution, no other has any');
select lives_ok(
  format('select capataz.complete_execution(%L)', capataz_test.active('a-2')), 'the API ends what plain SQL began'
);
select is((capataz.get_robot('a-2')).status::text, 'COMPLETED', 'the robot follows');

select * from finish();
rollback;
