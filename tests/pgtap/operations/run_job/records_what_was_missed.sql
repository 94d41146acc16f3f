-- A job that nobody ran in time: how often it was missed, and from when to when.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

update capataz_ops.jobs set next_due_at = null, last_start_at = null, missed_count = 0, gap_from = null, gap_until = null;
create function pg_temp.gap(p_job text) returns text language sql as $$
  select concat_ws(' ', j.missed_count, j.gap_from, j.gap_until) from capataz.list_jobs() as j where j.job_name = p_job
$$;
select capataz.run_job('fold_counters') as outcome \gset
select is(pg_temp.gap('fold_counters'), '0', 'the first run missed nothing');
select capataz_test.advance('65 seconds');
select capataz.run_job('fold_counters') as outcome \gset
select is(pg_temp.gap('fold_counters'), '0', 'nor one that is five seconds late');
select capataz_test.advance('1 hour');
select capataz.run_job('fold_counters') as outcome \gset
select is(pg_temp.gap('fold_counters'), '59 2026-03-10 12:01:05 2026-03-10 13:01:05', 'an hour without: 59 runs are missing');
select is(
  (select j.next_due_at from capataz.list_jobs() as j where j.job_name = 'fold_counters'), '2026-03-10 13:02:00', 'it goes on by its schedule'
);
select count(*) from capataz.run_due_jobs();
select matches(
  (select h.detail from capataz.system_health() as h where h.check_name = 'scheduler'),
  '; fold_counters did not run from 2026-03-10 12:01:05 to 2026-03-10 13:01:05 UTC$', 'the gap shows in the system''s health for a day'
);
select capataz_test.advance('1 minute');
select capataz.run_job('fold_counters') as outcome \gset
select is(pg_temp.gap('fold_counters'), '59 2026-03-10 12:01:05 2026-03-10 13:01:05', 'in time again: the latest gap stays');
select capataz_test.advance('25 hours');
update capataz_ops.jobs set next_due_at = capataz.utc_now(), last_start_at = capataz.utc_now();
select unalike(
  (select h.detail from capataz.system_health() as h where h.check_name = 'scheduler'), '%did not run%', 'after a day it is forgotten there'
);
select capataz_test.advance('-3 days');
select capataz.run_job('fold_counters') as outcome \gset
select is(pg_temp.gap('fold_counters'), '59 2026-03-10 12:01:05 2026-03-10 13:01:05', 'a clock that is set back misses nothing');

select * from finish();
rollback;
