-- completed_at and duration_ms exist exactly where the state is final, by plain SQL too.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Z') as m \gset
select capataz_test.running('Z') as e \gset
update capataz.robot_execute set completed_at = capataz.utc_now(), duration_ms = 5 where execute_id = :'e';
select is((capataz_test.execution(:'e')).completed_at, null, 'a RUNNING execution has no end, whoever types one');
select is((capataz_test.execution(:'e')).duration_ms, null, 'and no duration');
select capataz_test.advance('2 seconds');
update capataz.robot_execute set execution_state = 'FAILED' where execute_id = :'e';
select is((capataz_test.execution(:'e')).completed_at, '2026-03-10 12:00:02', 'FAILED: ended now');
select is((capataz_test.execution(:'e')).duration_ms, 2000, 'duration_ms');
select is((capataz_test.execution(:'e')).error_category, 'PROCESSING', 'a failure without category is PROCESSING');
update capataz.robot_execute set error_message = 'found out later' where execute_id = :'e';
select is((capataz_test.execution(:'e')).completed_at, '2026-03-10 12:00:02', 'a later change leaves the end alone');
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status) values ('z-1', 'T', 'Z', '{}', 'COMPLETED');
insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state, started_at, completed_at, duration_ms)
values ('00000000-0000-0000-0000-000000000001', 'z-1', 'Z', 'COMPLETED', '2026-03-10 10:00', '2026-03-10 10:00:07', 1);
select is(
  (capataz_test.execution('00000000-0000-0000-0000-000000000001')).duration_ms, 7000, 'an imported execution: duration from its times'
);

select * from finish();
rollback;
