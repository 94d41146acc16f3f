-- capataz.module_grants(p_module_name) -> rows (module_name, role_name, granted_at, granted_by), by module and role
--
-- Which roles were granted which modules (ADR 0019); granted_at: UTC. p_module_name: null for all modules.
-- Locks: none. Writes: nothing. Raises: RB400 bad name, RB404 unknown module.
create or replace function capataz.module_grants(p_module_name text default null)
  returns table (module_name varchar(100), role_name text, granted_at timestamp, granted_by text)
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);

  return query
  select g.module_name, g.role_name, g.granted_at, g.granted_by
  from capataz_ops.module_grants as g
  where p_module_name is null
     or g.module_name = p_module_name
  order by g.module_name, g.role_name;

  if not found and p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
end
$$;

comment on function capataz.module_grants(text) is 'Which roles were granted which modules. RB400, RB404.';
