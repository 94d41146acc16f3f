-- capataz.run_due_jobs() -> rows (job_name, outcome, duration_ms)
--
-- Runs every job that is due by its schedule, in one transaction: for plain SQL callers. `capataz tick` runs each in a
-- transaction of its own, under the job's time limit. What was due several times is run once.
-- Locks: as run_job. Writes: as run_job. Raises: nothing; errors of jobs are recorded.
create or replace function capataz.run_due_jobs()
  returns table (job_name text, outcome text, duration_ms bigint)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_job record;
  v_started timestamptz;
begin
  for v_job in
    select j.job_name
    from capataz_ops._job_states as j
    where j.is_due
    order by j.run_order, j.job_name
  loop
    v_started := clock_timestamp();
    job_name := v_job.job_name;
    outcome := capataz.run_job(v_job.job_name);
    duration_ms := (extract(epoch from clock_timestamp() - v_started) * 1000)::bigint;
    return next;
  end loop;
end
$$;

comment on function capataz.run_due_jobs() is
  'Runs every job that is due and says how each went.';
