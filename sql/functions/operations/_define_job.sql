-- capataz_ops._define_job(p_job_name, p_schedule, p_every_seconds, p_description) -> void
--
-- Puts a job into the catalogue and, where pg_cron lives in this database, on its schedule (five fields, UTC). The job runs
-- capataz.run_job(name), which calls the function of that name in schema capataz. Called by the files in sql/jobs, by the
-- role that deploys: pg_cron runs a job as the role that scheduled it.
-- Locks: jobs row. Writes: jobs, cron.job. Raises: nothing of its own.
create or replace function capataz_ops._define_job(
  p_job_name text,
  p_schedule text,
  p_every_seconds integer,
  p_description text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema name;
begin
  insert into capataz_ops.jobs as j (job_name, schedule, every_seconds, command, description)
  values (
    p_job_name, p_schedule, p_every_seconds, format('select capataz.%I()', p_job_name), p_description
  )
  on conflict (job_name) do update set
    schedule = excluded.schedule,
    every_seconds = excluded.every_seconds,
    command = excluded.command,
    description = excluded.description;

  select s.nspname into v_schema
  from pg_proc as p
  join pg_namespace as s on s.oid = p.pronamespace
  join pg_depend as d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
  join pg_extension as x on x.oid = d.refobjid and x.extname = 'pg_cron'
  where p.proname = 'schedule'
  limit 1;
  if found then
    execute format('select %I.schedule($1, $2, $3)', v_schema)
    using 'capataz_' || p_job_name, p_schedule, format('select capataz.run_job(%L)', p_job_name);
  end if;
end
$$;

comment on function capataz_ops._define_job(text, text, integer, text) is
  'Puts a job into the catalogue and, where pg_cron is present, on its schedule.';
