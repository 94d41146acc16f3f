-- capataz_ops._raise_no_module(p_robot_type) -> never returns
--
-- Says why no module can take robots of a type, for each module that supports it. From the registry, not from a cache.
-- Locks: none. Writes: nothing.
-- Raises: RB503.
create or replace function capataz_ops._raise_no_module(p_robot_type text)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reasons text;
begin
  select string_agg(
    format('%s: %s', m.module_name, case when not m.is_active then 'inactive' else m.health_status::text end),
    '; ' order by m.module_name
  )
  into v_reasons
  from capataz.module_registry as m
  where m.supported_robot_types @> array[p_robot_type];

  raise exception using
    errcode = 'RB503',
    message = format('no module can take robots of type "%s" now', left(p_robot_type, 60)),
    detail = format('robot_type is "%s". %s.', left(p_robot_type, 60), coalesce(v_reasons, 'No module supports it')),
    hint = 'Register or activate a module that supports the type, or name a module.';
end
$$;

comment on function capataz_ops._raise_no_module(text) is 'Says why no module can take robots of a type. RB503.';
