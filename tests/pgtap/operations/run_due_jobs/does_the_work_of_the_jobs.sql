-- The jobs' effect through run_due_jobs: expired executions end, figures become exact, stragglers come back.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

update capataz_ops.jobs set next_due_at = null;
select capataz_test.module('D') as m \gset
select capataz_test.running('D', p_timeout_seconds => 5) as e \gset
select capataz_test.advance('6 seconds');
select count(*) from capataz.run_due_jobs();
select is((capataz_test.execution(:'e')).error_category::text, 'TIMEOUT', 'the expired execution has ended');
select is((capataz_test.module_row('D')).error_count_24h, 1, 'figures are exact');

select * from finish();
rollback;
