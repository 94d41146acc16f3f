-- capataz.run_job(p_job_name) -> text: ok, failed or skipped
--
-- Runs one job of the catalogue and records how it went, whoever calls: pg_cron, capataz tick, a person (specification 5.2).
-- While another session runs the same job it is skipped. An error of the job is recorded, not raised.
-- Locks:  jobs row (skip locked), then what the job locks. Writes: jobs, and what the job writes.
-- Raises: RB400 no name, RB404 unknown job.
create or replace function capataz.run_job(p_job_name text)
  returns text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_started constant timestamptz := clock_timestamp();
  v_job record;
  v_outcome text := 'ok';
  v_error text;
begin
  perform capataz_ops._check_text('job_name', p_job_name, 100, true);

  select j.job_name into v_job
  from capataz_ops.jobs as j
  where j.job_name = p_job_name
  for no key update skip locked;
  if not found then
    if exists (select from capataz_ops.jobs as j where j.job_name = p_job_name) then
      return 'skipped';
    end if;
    raise exception using
      errcode = 'RB404',
      message = format('no job "%s"', p_job_name),
      detail = format('job_name is "%s".', p_job_name),
      hint = 'See the names in run_due_jobs or capataz_ops.jobs.';
  end if;

  begin
    execute format('select capataz.%I()', v_job.job_name);
  exception
    when others then
      v_outcome := 'failed';
      v_error := format('%s: %s', sqlstate, sqlerrm);
      raise warning 'capataz job % failed: %', p_job_name, v_error;
  end;

  update capataz_ops.jobs as j
  set last_start_at = capataz.utc_now(),
      last_end_at = capataz.utc_now() + (clock_timestamp() - v_started),
      last_duration_ms = extract(epoch from clock_timestamp() - v_started) * 1000,
      last_outcome = v_outcome,
      last_error = v_error,
      run_count = j.run_count + 1,
      failure_count = j.failure_count + case when v_outcome = 'failed' then 1 else 0 end
  where j.job_name = p_job_name;
  return v_outcome;
end
$$;

comment on function capataz.run_job(text) is
  'Runs one job of the catalogue now and records how it went. RB400, RB404.';
