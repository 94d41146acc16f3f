-- capataz.my_modules() -> text[]
--
-- Names of the modules that the caller may reach (specification 5.1, ADR 0019): all of them, or those granted to its role or
-- API key. Row level security asks it once a statement.
-- Locks: none. Writes: nothing. Raises: RB401 gateway without a valid key.
create or replace function capataz.my_modules()
  returns text[]
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope(null);
begin
  if v_modules is null then
    return array(select m.module_name::text from capataz.module_registry as m order by m.module_name);
  end if;
  return array(select distinct m.module_name from unnest(v_modules) as m (module_name) order by m.module_name);
end
$$;

comment on function capataz.my_modules() is 'Names of the modules that the caller may reach. RB401.';
