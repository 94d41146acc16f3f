-- Names of steps are labels: readers, counters and reports see them as they are, so they are stored masked (ADR 0022).
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('StepMask') as m \gset
select capataz.set_module_security('StepMask', 'STRICT');
create role step_test_viewer in role capataz_viewer;
select capataz_test.running('StepMask') as e \gset

select capataz.report_progress(:'e', 10, 'mail to bob@x.com card 4111111111111111', p_step_details => '{"n": 1}');
select is((capataz_test.execution(:'e')).current_step, 'mail to *** card ***', 'what the detectors find is not stored');
select capataz_test.advance('1 second');
select capataz.report_progress(:'e', 20, 'mail to bob@x.com card 4111111111111111');
select is((capataz_test.execution(:'e')).step_details, '{"n": 1}', 'the same name again is the same step');
select is((capataz_test.execution(:'e')).step_start_time, '2026-03-10 12:00:00', 'since it began');
select capataz.report_progress(:'e', 30, 'batch 2026-03-10, 1234567 rows');
select is((capataz_test.execution(:'e')).current_step, 'batch 2026-03-10, 1234567 rows', 'what only looks like it is');
select capataz.complete_execution(:'e');

set local role step_test_viewer;
select is(
  (select jsonb_path_query_array(a.steps, '$[*].name')
   from capataz.robot_execute as x cross join lateral capataz.robot_attempts(x.robot_id) as a where x.execute_id = :'e'),
  '["mail to *** card ***", "batch 2026-03-10, 1234567 rows"]', 'readers of a module that hides everything see no more'
);
select is_empty(
  format(
    $$select 1 from capataz.robot_execute as x cross join lateral capataz.robot_timeline(x.robot_id) as t
      where x.execute_id = %L and t::text ~ 'bob|4111'$$, :'e'
  ), 'nor in the timeline'
);
reset role;
select is_empty($$select 1 from capataz_ops.step_deltas where step_name ~ 'bob|4111'$$, 'and counters have nothing else');

select * from finish();
rollback;
