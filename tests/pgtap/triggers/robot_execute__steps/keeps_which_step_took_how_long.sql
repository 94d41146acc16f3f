-- The history of steps survives the execution's row: name, category, start and duration of each (issue: step history).
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('R') as m \gset
select capataz_test.running('R') as e \gset
select capataz.report_progress(:'e', p_current_step => 'READ', p_step_category => 'INIT');
select capataz_test.advance('1 second');
select capataz.report_progress(:'e', 50);
select capataz_test.advance('1 second');
select capataz.report_progress(:'e', p_current_step => 'OCR', p_step_category => 'PROCESSING');
select capataz_test.advance('5 seconds');
update capataz.robot_execute set current_step = 'SAVE', step_category = 'FINALIZATION' where execute_id = :'e';
select capataz_test.advance('0.25 seconds');
select capataz.complete_execution(:'e');
select results_eq(
  format($$select step_number, step_name::text, step_category::text, started_at, duration_ms, visits
    from capataz_ops.execution_steps where execute_id = %L order by step_number$$, :'e'),
  $$values
    (1, 'READ', 'INIT', '2026-03-10 12:00:00'::timestamp, 2000::bigint, 1),
    (2, 'OCR', 'PROCESSING', '2026-03-10 12:00:02', 5000, 1),
    (3, 'SAVE', 'FINALIZATION', '2026-03-10 12:00:07', 250, 1)$$,
  'three steps, the last one ended with the attempt'
);
select capataz_test.running('R') as e2 \gset
select capataz.report_progress(:'e2', p_current_step => 'READ');
select capataz_test.advance('3 seconds');
update capataz.robots set status = 'FAILED' where robot_id = (capataz_test.robot_of(:'e2')).robot_id;
select is(
  (select duration_ms from capataz_ops.execution_steps where execute_id = :'e2'), 3000::bigint, 'a failing robot ends the step too'
);
update capataz.robot_execute set error_message = 'later' where execute_id = :'e2';
select is((select count(*)::integer from capataz_ops.execution_steps where execute_id = :'e2'), 1, 'later changes add nothing');
select capataz_test.running('R') as e3 \gset
select capataz.report_progress(:'e3', p_current_step => 'READ');
select capataz_test.advance('4 seconds');
update capataz.robot_execute set current_step = null where execute_id = :'e3';
select is(
  (select duration_ms from capataz_ops.execution_steps where execute_id = :'e3'), 4000::bigint, 'a step that is cleared took its time'
);
select capataz_test.running('R') as e4 \gset
select capataz.complete_execution(:'e4');
select is((select count(*)::integer from capataz_ops.execution_steps where execute_id = :'e4'), 0, 'no step, no history');
delete from capataz.robots where module_name = 'R';
select is(
  (select count(*)::integer from capataz_ops.execution_steps where execute_id in (:'e', :'e2', :'e3')), 0, 'history goes with its execution'
);

select * from finish();
rollback;
