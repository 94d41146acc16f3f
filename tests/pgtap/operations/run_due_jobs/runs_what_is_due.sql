-- Every job whose interval has passed since its last start, and no other: what `capataz tick` calls.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

update capataz_ops.jobs set last_start_at = null;
create function pg_temp.run() returns text[] language sql as $$ select coalesce(array_agg(job_name || ' ' || outcome order by job_name), '{}') from capataz.run_due_jobs() $$;
select is(
  pg_temp.run() @> array['expire_executions ok', 'find_stragglers ok', 'fold_counters ok'], true, 'all that never ran'
);
select is(pg_temp.run(), '{}', 'then none');
select capataz_test.advance('59 seconds');
select is(pg_temp.run(), '{}', 'none before a minute has passed');
select capataz_test.advance('1 second');
select is(pg_temp.run() @> array['expire_executions ok', 'find_stragglers ok', 'fold_counters ok'], true, 'all after a minute');
select capataz.run_job('fold_counters') as outcome \gset
select capataz_test.advance('30 seconds');
select capataz.run_job('fold_counters') as outcome \gset
select capataz_test.advance('30 seconds');
select is(pg_temp.run() @> array['fold_counters ok'], false, 'a run by hand counts');
select capataz_test.advance('-2 days');
select is(pg_temp.run() @> array['fold_counters ok'], true, 'a clock that was set back does not stop the jobs');

select * from finish();
rollback;
