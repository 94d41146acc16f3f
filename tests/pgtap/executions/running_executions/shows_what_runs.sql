-- Active executions with progress, limit and pace; the next to time out first.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('A') as m \gset
select capataz_test.module('B') as m \gset

select capataz_test.complete_some('A', 3, 10000);
select capataz.fold_counters();
select capataz_test.running('A', 'w1', 3600) as e1 \gset
select capataz_test.running('B', 'w2', 60) as e2 \gset
select capataz.report_progress(:'e1', 40, 'Read', 'PROCESSING', 2, 5);
select results_eq(
  $$select module_name::text, attempt, progress_percentage::integer, current_step::text, completed_steps, total_steps, is_slow
    from capataz.running_executions()$$,
  $$values ('B', 1::bigint, 0, null::text, 0, 1, false), ('A', 1, 40, 'Read', 2, 5, false)$$,
  'the next to time out first'
);
select is(
  (select timeout_at from capataz.running_executions('B')), '2026-03-10 12:01:30'::timestamp, 'its time limit'
);
select capataz_test.advance('21 seconds');
select results_eq(
  'select module_name::text from capataz.running_executions() where is_slow', array['A'],
  'slow: more than twice the mean of its module'
);
select is((select count(*)::integer from capataz.running_executions(p_limit => 1)), 1, 'as many as asked for');
select capataz.complete_execution(:'e1');
select results_eq('select execute_id::text from capataz.running_executions()', array[:'e2'], 'what has ended is gone');
select throws_ok($$select * from capataz.running_executions('nobody')$$, 'RB404', null, 'unknown module');
select throws_ok('select * from capataz.running_executions(p_limit => 0)', 'RB400', 'limit is out of range', 'none');

select * from finish();
rollback;
