-- capataz_ops._require_fleet() -> void
--
-- Refuses callers who may not reach every module: what shows the whole is not for them (ADR 0019).
-- Locks: none. Writes: nothing.
-- Raises: RB401 gateway without a valid key, RB403.
create or replace function capataz_ops._require_fleet()
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope('read');
begin
  if v_modules is not null then
    raise exception using
      errcode = 'RB403',
      message = 'this shows every module, and you may not reach every module',
      detail = format('%s may reach %s.', capataz_ops._caller_name(), capataz_ops._listed(v_modules)),
      hint = 'Ask for your own modules with module_health, or use a role of capataz_viewer.';
  end if;
end
$$;

comment on function capataz_ops._require_fleet() is 'Refuses callers who may not reach every module. RB401, RB403.';
