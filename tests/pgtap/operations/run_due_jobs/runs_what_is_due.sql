-- Every job that is due by its schedule, and no other; once, however often it was missed.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

update capataz_ops.jobs set next_due_at = null;
create function pg_temp.run() returns text[] language sql as $$ select coalesce(array_agg(job_name || ' ' || outcome order by job_name), '{}') from capataz.run_due_jobs() $$;
select is(
  pg_temp.run() @> array['expire_executions ok', 'find_stragglers ok', 'fold_counters ok'], true, 'all that never ran'
);
select is(pg_temp.run(), '{}', 'then none');
select capataz_test.advance('59 seconds');
select is(pg_temp.run(), '{}', 'none before the next minute');
select capataz_test.advance('1 second');
select is(pg_temp.run() @> array['expire_executions ok', 'find_stragglers ok', 'fold_counters ok'], true, 'in the next minute');
select capataz_test.advance('30 seconds');
select capataz.run_job('fold_counters') as outcome \gset
select is(pg_temp.run(), '{}', 'a run by hand is a run');
select capataz_test.advance('30 seconds');
select is(pg_temp.run() @> array['fold_counters ok'], true, 'the schedule goes on as it was');
select is(
  (select j.next_due_at from capataz_ops.jobs as j where j.job_name = 'score_modules'), '2026-03-10 12:15:00',
  'what is due every 15 minutes waits for the quarter'
);
select capataz_test.advance('1 hour');
select is(
  (select array_agg(j.run_count) from capataz_ops.jobs as j, pg_temp.run() as r where j.job_name = 'fold_counters'),
  (select array_agg(j.run_count) from capataz_ops.jobs as j where j.job_name = 'fold_counters'),
  'what was missed for an hour runs once'
);
select capataz_test.advance('-2 days');
select is(pg_temp.run() @> array['fold_counters ok'], true, 'a clock that was set back does not stop the jobs');

select * from finish();
rollback;
