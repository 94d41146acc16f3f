-- Every attempt at a robot, in order, with its finished steps.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('A', '{"retry_policy": {"base_seconds": 0, "jitter": 0}}') as m \gset

select capataz_test.running('A', 'w1') as e1 \gset
select (capataz_test.robot_of(:'e1')).robot_id as robot_id \gset
select capataz.report_progress(:'e1', p_current_step => 'Read', p_step_category => 'INIT', p_total_steps => 3);
select capataz_test.advance('2 seconds');
select capataz.report_progress(:'e1', p_current_step => 'Think', p_step_category => 'PROCESSING', p_completed_steps => 1);
select capataz_test.advance('3 seconds');
select capataz.fail_execution(:'e1', 'x', 'NETWORK');
select capataz_test.advance('1 hour');
select execute_id as e2 from capataz.claim_robots('A', 1, 'w2') \gset
select capataz.report_progress(:'e2', 10, 'Read', p_cpu_usage_percent => 150, p_memory_usage_mb => 64);

select results_eq(
  format('select execute_id::text, execution_state::text, error_category::text, worker_id::text from capataz.robot_attempts(%L)', :'robot_id'),
  format($$values (%L, 'FAILED', 'NETWORK', 'w1'), (%L, 'RUNNING', null, 'w2')$$, :'e1', :'e2'),
  'the first one first'
);
select results_eq(
  format(
    $$select s->>'name', (s->>'duration_ms')::integer
      from capataz.robot_attempts(%L) as a cross join lateral jsonb_array_elements(a.steps) as s
      where a.execute_id = %L$$, :'robot_id', :'e1'
  ),
  $$values ('Read', 2000), ('Think', 3000)$$, 'finished steps in order'
);
select results_eq(
  format('select cpu_usage_percent, memory_usage_mb, current_step::text from capataz.robot_attempts(%L) where completed_at is null', :'robot_id'),
  $$values (150.00, 64, 'Read')$$, 'resources and the step under way'
);
select capataz_test.robot('A') as waiting \gset
select is_empty(format('select * from capataz.robot_attempts(%L)', :'waiting'), 'no attempt yet, no row');
select throws_ok($$select * from capataz.robot_attempts('nobody')$$, 'RB404', null, 'unknown robot');
select throws_ok('select * from capataz.robot_attempts(null)', 'RB400', null, 'no id');

select * from finish();
rollback;
