-- Execution and robot COMPLETED, with output, metrics and scores; times and durations agree.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select capataz_test.running('A') as e \gset
select capataz.report_progress(:'e', p_memory_usage_mb => 300);
select capataz_test.advance('2.5 seconds');
select is(
  capataz.complete_execution(:'e', '{"text": "x"}', '{"cpu_ms": 1500}', 0.955, 0.5, 45)::text, 'COMPLETED', 'it answers COMPLETED'
);
select results_eq(
  format($$select execution_state::text, completed_at, duration_ms, progress_percentage::integer from capataz.robot_execute where execute_id = %L$$, :'e'),
  $$values ('COMPLETED', '2026-03-10 12:00:02.5'::timestamp, 2500, 100)$$, 'the execution'
);
select results_eq(
  format($$select status::text, output_data, performance_metrics, confidence_score, completeness_score, resource_usage_mb, completed_at,
      processing_time_ms, actual_duration_minutes, updated_at
    from capataz.robots where robot_id = %L$$, (capataz_test.robot_of(:'e')).robot_id),
  $$values ('COMPLETED', '{"text": "x"}'::jsonb, '{"cpu_ms": 1500}'::jsonb, 0.96, 0.50, 45, '2026-03-10 12:00:02.5'::timestamp, 2500, 0,
    '2026-03-10 12:00:02.5'::timestamp)$$, 'the robot'
);
select capataz_test.running('A') as e2 \gset
select capataz.report_progress(:'e2', p_memory_usage_mb => 300);
select is(capataz.complete_execution(:'e2', null, null)::text, 'COMPLETED', 'nulls mean defaults');
select results_eq(
  format($$select output_data, performance_metrics, confidence_score, completeness_score, resource_usage_mb from capataz.robots where robot_id = %L$$,
    (capataz_test.robot_of(:'e2')).robot_id),
  $$values ('{}'::jsonb, '{}'::jsonb, 0.00, 0.00, 300)$$, 'the peak of memory stands in for resource_usage_mb'
);

select * from finish();
rollback;
