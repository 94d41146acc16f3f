-- capataz.list_jobs() -> rows, one per scheduled job, by name
--
-- The catalogue of jobs (specification 5.2): schedule (five fields of cron, UTC), who owns it, its last run, when it is due
-- next, how often it was missed, its last success, and its latest gap: from gap_from to gap_until nobody ran it. is_late: it should have run.
-- last_error, where PostgreSQL said it and not Capataz: operators and admins alone; others see its SQLSTATE.
-- Locks: none. Writes: nothing. Raises: RB401, RB403 you may not reach every module.
create or replace function capataz.list_jobs()
  returns table (
    job_name varchar(100),
    description text,
    schedule text,
    command text,
    job_owner text,
    timeout_seconds integer,
    last_start_at timestamp,
    last_end_at timestamp,
    last_duration_ms bigint,
    last_outcome text,
    last_error text,
    next_due_at timestamp,
    is_due boolean,
    is_late boolean,
    run_count bigint,
    failure_count bigint,
    missed_count bigint,
    gap_from timestamp,
    gap_until timestamp,
    last_success_at timestamp
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_sees_errors boolean;
begin
  perform capataz_ops._require_fleet();
  v_sees_errors := capataz_ops._sees_payload(null);
  return query
  select
    j.job_name, j.description, j.schedule, j.command, j.job_owner, j.timeout_seconds, j.last_start_at, j.last_end_at,
    j.last_duration_ms, j.last_outcome,
    case when v_sees_errors then j.last_error else capataz_ops._told_error(j.last_error) end,
    j.next_due_at, s.is_due, s.is_late, j.run_count, j.failure_count,
    j.missed_count, j.gap_from, j.gap_until, j.last_success_at
  from capataz_ops.jobs as j
  join capataz_ops._job_states as s on s.job_name = j.job_name
  order by j.job_name;
end
$$;

comment on function capataz.list_jobs() is
  'The scheduled jobs: schedule, owner, last run, next due, gaps. RB401, RB403.';
