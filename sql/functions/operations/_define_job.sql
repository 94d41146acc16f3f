-- capataz_ops._define_job(p_job_name, p_schedule, p_every_seconds, p_description, p_timeout_seconds) -> void
--
-- Puts a job into the catalogue and, where pg_cron lives in this database, on its schedule (five fields, UTC). The job runs
-- capataz.run_job(name), which calls the function of that name in schema capataz. Called by the files in sql/jobs, by the
-- role that deploys: pg_cron runs a job as the role that scheduled it, which the catalogue calls its owner.
-- p_every_seconds: usual time between two runs, from which is judged when it is late. A new job of up to 15 minutes is due
-- at once, another at the next time of its schedule.
-- Locks: jobs row. Writes: jobs, cron.job. Raises: RB400 for a schedule that is not usable.
create or replace function capataz_ops._define_job(
  p_job_name text,
  p_schedule text,
  p_every_seconds integer,
  p_description text,
  p_timeout_seconds integer default 300
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_next constant timestamp := capataz_ops._next_due(p_schedule, v_now);
  v_schema name;
begin
  insert into capataz_ops.jobs as j (
    job_name, schedule, every_seconds, command, description, timeout_seconds, job_owner, next_due_at
  )
  values (
    p_job_name, p_schedule, p_every_seconds, format('select capataz.%I()', p_job_name), p_description, p_timeout_seconds,
    capataz_ops._caller(), case when p_every_seconds <= 900 then v_now else v_next end
  )
  on conflict (job_name) do update set
    schedule = excluded.schedule,
    every_seconds = excluded.every_seconds,
    command = excluded.command,
    description = excluded.description,
    timeout_seconds = excluded.timeout_seconds,
    job_owner = excluded.job_owner,
    next_due_at = case
      when j.schedule = excluded.schedule then coalesce(j.next_due_at, excluded.next_due_at)
      else excluded.next_due_at
    end;

  select s.nspname into v_schema
  from pg_proc as p
  join pg_namespace as s on s.oid = p.pronamespace
  join pg_depend as d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
  join pg_extension as x on x.oid = d.refobjid and x.extname = 'pg_cron'
  where p.proname = 'schedule'
  limit 1;
  if found then
    -- a statement of its own: PostgreSQL looks at statement_timeout when a statement begins
    execute format('select %I.schedule($1, $2, $3)', v_schema)
    using 'capataz_' || p_job_name, p_schedule,
      format('set statement_timeout = ''%ss''; select capataz.run_job(%L)', p_timeout_seconds, p_job_name);
  end if;
end
$$;

comment on function capataz_ops._define_job(text, text, integer, text, integer) is
  'Puts a job into the catalogue and, where pg_cron is present, on its schedule. RB400.';
