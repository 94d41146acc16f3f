-- A gap in which nobody ran the jobs is one finding, to the minute; another gap and a job that failed are their own.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 08:00:00');
select capataz_test.module('M') as m \gset
update capataz_ops.jobs
set gap_from = null, gap_until = null, last_outcome = 'ok', last_start_at = timestamp '2026-03-10 20:26';
update capataz_ops.jobs as j
set gap_from = g.gap_from, gap_until = g.gap_until
from (
  values
    ('evaluate_health', timestamp '2026-03-10 12:01:30.043676', timestamp '2026-03-10 20:26:55.501141'),
    ('fold_counters', timestamp '2026-03-10 12:00:05.1', timestamp '2026-03-10 20:26:57.2'),
    ('validate_consistency', timestamp '2026-03-09 03:30:00', timestamp '2026-03-10 20:28:10'),
    ('sample_resources', timestamp '2026-03-10 09:00:00', timestamp '2026-03-10 09:30:00')
) as g (job_name, gap_from, gap_until)
where g.job_name = j.job_name;
update capataz_ops.jobs set last_outcome = 'failed: timeout' where job_name = 'fold_analytics';
select capataz_test.set_clock('2026-03-11 00:20:00');
select capataz.build_daily_report() as n \gset
select capataz.report('daily') as r \gset
select is(
  (select array_agg(f ->> 'text' order by f ->> 'text') from jsonb_array_elements(:'r'::jsonb -> 'findings') as f where f ->> 'code' = 'JOB'),
  array[
    'Job fold_analytics: its last run failed.',
    'Job sample_resources did not run from 2026-03-10 09:00 to 2026-03-10 09:30 UTC.',
    'Jobs evaluate_health and 2 more did not run from 2026-03-10 12:01 to 2026-03-10 20:28 UTC.'
  ], 'one gap is told once'
);
select is(jsonb_array_length(:'r'::jsonb -> 'jobs'), 5, 'each job is in the figures');
select * from finish();
rollback;
