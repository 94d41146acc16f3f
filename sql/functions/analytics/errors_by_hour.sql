-- capataz.errors_by_hour(p_hours) -> rows, one per module and hour in which something ended
--
-- What ended, by module and hour of completed_at (UTC): the last p_hours with the one under way (specification 5.2: error
-- heat map). error_rate: percent of what ended that FAILED. From counters; what is not folded yet is counted. Of more than
-- 500 modules the 500 with the most failures.
-- p_hours: 1 to 168.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403.
create or replace function capataz.errors_by_hour(p_hours bigint default 24)
  returns table (
    module_name varchar(100),
    hour timestamp,
    completed_count bigint,
    failed_count bigint,
    error_rate numeric
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_from timestamp;
begin
  perform capataz_ops._check_number('hours', p_hours, 1, 168);
  v_from := date_trunc('hour', capataz.utc_now()) - make_interval(hours => coalesce(p_hours, 24)::integer - 1);

  return query
  with ended as (
    select
      u.module_name,
      u.hour,
      greatest(sum(u.completed_count), 0)::bigint as completed_count,
      greatest(sum(u.failed_count), 0)::bigint as failed_count
    from (
      select f.module_name, f.hour, f.completed_count, f.failed_count
      from capataz_ops.type_hours as f
      where f.hour >= v_from
      union all
      select d.module_name, date_trunc('hour', d.minute), d.completed_count, d.failed_count
      from capataz_ops.type_deltas as d
      where d.minute >= v_from
    ) as u
    where v_modules is null or u.module_name = any (v_modules)
    group by u.module_name, u.hour
  ), worst as (
    select e.module_name
    from ended as e
    group by e.module_name
    order by sum(e.failed_count) desc, e.module_name
    limit 500
  )
  select
    e.module_name, e.hour, e.completed_count, e.failed_count,
    round(100.0 * e.failed_count / nullif(e.completed_count + e.failed_count, 0), 2)
  from ended as e
  join worst as w on w.module_name = e.module_name
  where e.completed_count + e.failed_count > 0
  order by e.module_name, e.hour;
end
$$;

comment on function capataz.errors_by_hour(bigint) is
  'What ended per module and hour, with its error rate. RB400, RB401, RB403.';
