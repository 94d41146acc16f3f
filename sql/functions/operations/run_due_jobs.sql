-- capataz.run_due_jobs() -> rows (job_name, outcome, duration_ms)
--
-- Runs every job whose interval has passed since its last start: what `capataz tick` calls where there is no pg_cron.
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
    from capataz_ops.jobs as j
    where j.last_start_at is null
      or j.last_start_at + make_interval(secs => j.every_seconds) <= capataz.utc_now()
      or j.last_start_at > capataz.utc_now() + interval '1 hour'  -- the clock was set back
    -- the one that waits for rows of modules runs while this transaction holds none: no two calls wait in a circle
    order by j.job_name <> 'expire_executions', j.job_name
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
