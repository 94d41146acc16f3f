-- capataz_ops._raise_unknown_module(p_module_name) -> never returns
--
-- Says that no module has this name.
-- Locks: none. Writes: nothing. Raises: RB404.
create or replace function capataz_ops._raise_unknown_module(p_module_name text)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'RB404',
    message = format('no module "%s"', left(p_module_name, 100)),
    detail = format('module_name is "%s".', left(p_module_name, 100)),
    hint = 'Register it with register_module.';
end
$$;

comment on function capataz_ops._raise_unknown_module(text) is 'Says that no module has this name. RB404.';
