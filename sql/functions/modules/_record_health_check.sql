-- capataz_ops._record_health_check(p_module_name, p_healthy, p_response_time_ms, p_error_message, p_only_if_due)
--   -> module_health_enum
--
-- What record_health_check and record_due_health_check do: checks the arguments, locks the module, keeps the check, counts
-- it and returns the health that follows (ADR 0016). Null where p_only_if_due and the module's check is not due.
-- Locks:  module_registry row. Writes: health_checks, module_minutes, module_state, module_registry; by trigger health_changes.
-- Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz_ops._record_health_check(
  p_module_name text,
  p_healthy boolean,
  p_response_time_ms bigint,
  p_error_message text,
  p_only_if_due boolean
)
  returns capataz.module_health_enum
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_modules constant text[] := capataz_ops._scope('work');
  v_module capataz.module_registry;
  v_window record;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._check_number('response_time_ms', p_response_time_ms, 0, 2147483647);
  if p_healthy is null then
    raise exception using
      errcode = 'RB400',
      message = 'healthy is required',
      detail = 'healthy is null.',
      hint = 'Give true or false.';
  end if;

  -- this lock makes it the only fold and the only check of the module
  select m.* into v_module
  from capataz.module_registry as m
  where m.module_name = p_module_name
  for no key update;
  if not found then
    perform capataz_ops._raise_unknown_module(p_module_name);
  end if;

  if p_only_if_due and not capataz_ops._is_check_due(p_module_name, v_module.last_health_check) then
    return null;
  end if;

  insert into capataz_ops.health_checks (module_name, checked_at, is_healthy, response_time_ms, error_message)
  values (p_module_name, v_now, p_healthy, p_response_time_ms, left(capataz_ops._clean_text(p_error_message), 10000));

  insert into capataz_ops.module_minutes as f (module_name, minute, good_checks, failed_checks)
  values (
    p_module_name, date_trunc('minute', v_now), case when p_healthy then 1 else 0 end, case when p_healthy then 0 else 1 end
  )
  on conflict (module_name, minute) do update set
    good_checks = f.good_checks + excluded.good_checks,
    failed_checks = f.failed_checks + excluded.failed_checks;

  update capataz_ops.module_state as t
  set failed_checks = case when p_healthy then 0 else least(t.failed_checks::bigint + 1, 2147483647) end,
      last_response_time_ms = p_response_time_ms
  where t.module_name = p_module_name;

  select sum(f.good_checks) as good_checks, sum(f.failed_checks) as failed_checks into v_window
  from capataz_ops.module_minutes as f
  where f.module_name = p_module_name
    and f.minute > date_trunc('minute', v_now) - interval '24 hours';

  v_module.last_health_check := v_now;
  if not p_healthy then
    v_module.last_error_message := coalesce(left(capataz_ops._clean_text(p_error_message), 10000), 'health check failed');
  end if;
  v_module.health_status := (capataz_ops._assess_health(v_module)).status;
  update capataz.module_registry as m
  set last_health_check = v_module.last_health_check,
      uptime_percentage_24h = capataz_ops._percentage(v_window.good_checks, v_window.failed_checks),
      last_error_message = v_module.last_error_message,
      health_status = v_module.health_status
  where m.module_name = p_module_name;
  return v_module.health_status;
end
$$;

comment on function capataz_ops._record_health_check(text, boolean, bigint, text, boolean) is
  'Records a health check; null where it was to be recorded only if due, and is not.';
