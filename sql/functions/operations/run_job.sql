-- capataz.run_job(p_job_name) -> text: ok, failed, failed: timeout, or skipped
--
-- Runs one job of the catalogue and records how it went, whoever calls: pg_cron, capataz tick, a person (specification 5.2).
-- While another session runs the same job it is skipped. An error of the job is recorded, not raised. Where it was due and
-- nobody ran it in time, the gap is recorded: from the last run to this one.
-- The job waits no longer for a lock than its timeout_seconds. All of it is stopped by statement_timeout, which PostgreSQL
-- reads when a statement begins: pg_cron's command, `capataz tick` and `capataz jobs run` set it before they call.
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
  v_now constant timestamp := capataz.utc_now();
  v_lock_timeout constant text := current_setting('lock_timeout');
  v_limit interval;
  v_job record;
  v_outcome text := 'ok';
  v_error text;
begin
  perform capataz_ops._check_text('job_name', p_job_name, 100, true);

  select j.job_name, j.timeout_seconds into v_job
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
      hint = 'See the names in list_jobs, or with `capataz jobs`.';
  end if;

  begin
    if v_lock_timeout = '0' then
      perform set_config('lock_timeout', v_job.timeout_seconds || 's', true);
    end if;
    execute format('select capataz.%I()', v_job.job_name);
    perform set_config('lock_timeout', v_lock_timeout, true);
  exception
    when query_canceled then
      v_limit := current_setting('statement_timeout')::interval;
      if v_limit = interval '0' or clock_timestamp() - statement_timestamp() < v_limit then
        raise;  -- somebody stopped it by hand
      end if;
      v_outcome := 'failed: timeout';
      v_error := format('stopped after %s ms', (extract(epoch from clock_timestamp() - v_started) * 1000)::bigint);
      raise warning 'capataz job % failed: %', p_job_name, v_error;
    when lock_not_available then
      v_outcome := 'failed: timeout';
      v_error := format('%s: %s', sqlstate, sqlerrm);
      raise warning 'capataz job % failed: %', p_job_name, v_error;
    when others then
      v_outcome := 'failed';
      v_error := format('%s: %s', sqlstate, sqlerrm);
      raise warning 'capataz job % failed: %', p_job_name, v_error;
  end;

  update capataz_ops.jobs as j
  set last_start_at = v_now,
      last_end_at = v_now + (clock_timestamp() - v_started),
      last_duration_ms = extract(epoch from clock_timestamp() - v_started) * 1000,
      last_outcome = v_outcome,
      last_error = v_error,
      next_due_at = capataz_ops._next_due(j.schedule, v_now),
      run_count = j.run_count + 1,
      failure_count = j.failure_count + case when v_outcome = 'ok' then 0 else 1 end,
      missed_count = j.missed_count + g.missed,
      gap_from = case when g.missed > 0 then j.last_start_at else j.gap_from end,
      gap_until = case when g.missed > 0 then v_now else j.gap_until end
  from (
    -- times of the schedule between the one it was due at and now
    select greatest(div(extract(epoch from v_now - o.next_due_at)::numeric, o.every_seconds), 0)::bigint as missed
    from capataz_ops.jobs as o
    where o.job_name = p_job_name
      and o.last_start_at is not null
      and o.next_due_at is not null
    union all
    select 0
    order by missed desc
    limit 1
  ) as g
  where j.job_name = p_job_name;
  return v_outcome;
end
$$;

comment on function capataz.run_job(text) is
  'Runs one job of the catalogue now and records how it went. RB400, RB404.';
