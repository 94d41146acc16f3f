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
begin
  return coalesce(
    capataz_ops._scope(null),
    array(select m.module_name::text from capataz.module_registry as m order by m.module_name)
  );
end
$$;

comment on function capataz.my_modules() is 'Names of the modules that the caller may reach. RB401.';
