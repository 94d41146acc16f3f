-- RUNNING, PAUSED and RETRYING complete; the state machine has no other way in.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('B') as m \gset
select capataz_test.running('B') as e1 \gset
select capataz.pause_execution(:'e1');
select is(capataz.complete_execution(:'e1')::text, 'COMPLETED', 'PAUSED');
select capataz_test.running('B') as e2 \gset
select capataz.retry_step(:'e2', 'x');
select is(capataz.complete_execution(:'e2')::text, 'COMPLETED', 'RETRYING');
insert into capataz.robots (robot_id, robot_type, module_name, input_data) values ('b-1', 'T', 'B', '{}');
insert into capataz.robot_execute (execute_id, robot_id, module_name) values ('00000000-0000-0000-0000-000000000001', 'b-1', 'B');
select is(
  (capataz_test.execution('00000000-0000-0000-0000-000000000001')).execution_state::text, 'PENDING',
  'an execution inserted as PENDING'
);
select throws_ok(
  $$select capataz.complete_execution('00000000-0000-0000-0000-000000000001')$$, 'RB409', null, 'must run before it completes'
);
select results_eq(
  $$select status::text, error from capataz.complete_executions('[{"execute_id": "00000000-0000-0000-0000-000000000001"}]')$$,
  $$values (null::text, 'RB409: execution "00000000-0000-0000-0000-000000000001" has not begun')$$,
  'in a batch it is refused alone'
);
select is(capataz.report_progress('00000000-0000-0000-0000-000000000001', 1)::text, 'RUNNING', 'a report lets it run');
select is(capataz.complete_execution('00000000-0000-0000-0000-000000000001')::text, 'COMPLETED', 'then it completes');

select * from finish();
rollback;
