-- capataz.health_history(p_module_name, p_limit) -> rows (changed_at, from_status, to_status, reason), the latest first
--
-- Changes of a module's health: when (UTC), from what, to what, why (specification 5.2, ADR 0016); error messages are masked
-- for readers (ADR 0022). p_limit: 1 to 100000.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.health_history(p_module_name text, p_limit bigint default 50)
  returns table (
    changed_at timestamp,
    from_status capataz.module_health_enum,
    to_status capataz.module_health_enum,
    reason text
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_view constant text := capataz_ops._payload_view(p_module_name, null, false);
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._check_number('limit', p_limit, 1, 100000);

  return query
  select c.changed_at, c.from_status, c.to_status, capataz_ops._shown_text(v_view, c.reason)
  from capataz_ops.health_changes as c
  where c.module_name = p_module_name
  order by c.changed_at desc, c.change_id desc
  limit coalesce(p_limit, 50);

  if not found then
    perform capataz_ops._require_module(p_module_name);
  end if;
end
$$;

comment on function capataz.health_history(text, bigint) is
  'Changes of the health of a module, the latest first. RB400, RB401, RB403, RB404.';
