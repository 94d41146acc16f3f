-- capataz.due_health_checks(p_limit) -> rows (module_name, health_endpoint, last_health_check), longest waiting first
--
-- Modules with a health_endpoint whose last check is older than health_check_interval_seconds (specification 5.2): what
-- `capataz probe` calls next. p_limit: 1 to 100000.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument.
create or replace function capataz.due_health_checks(p_limit bigint default 1000)
  returns table (
    module_name varchar(100),
    health_endpoint varchar(200),
    last_health_check timestamp
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform capataz_ops._check_number('limit', coalesce(p_limit, 1000), 1, 100000);
  return query
  select m.module_name, m.health_endpoint, m.last_health_check
  from capataz.module_registry as m
  where m.is_active
    and m.health_endpoint is not null
    and capataz_ops._is_check_due(m.module_name, m.last_health_check)
  order by m.last_health_check nulls first, m.module_name
  limit coalesce(p_limit, 1000);
end
$$;

comment on function capataz.due_health_checks(bigint) is
  'Modules whose health endpoint is due to be called. RB400.';
