-- capataz_ops._require_module(p_module_name) -> void
--
-- Refuses the name of a module that is not registered.
-- Locks: none. Writes: nothing. Raises: RB404 unknown module.
create or replace function capataz_ops._require_module(p_module_name text)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select
    from capataz.module_registry as m
    where m.module_name = p_module_name
  ) then
    perform capataz_ops._raise_unknown_module(p_module_name);
  end if;
end
$$;

comment on function capataz_ops._require_module(text) is
  'Raises RB404 where a module is not registered.';
