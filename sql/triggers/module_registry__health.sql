-- module_registry: history and announcement of every change of health, and the circuit breaker (specification 5.2, ADR 0016).
-- AFTER row trigger. To UNHEALTHY: the breaker opens, the first probe waits for breaker.cooldown_seconds. A failed probe
-- makes the cool-down longer by breaker.factor, up to breaker.max_seconds. Any other health closes the breaker.
-- Locks:  module_state row. Writes: module_state, health_changes; NOTIFY capataz_health with the change, JSON.
-- Raises: nothing.
create or replace function capataz_ops.tg_module_registry__health()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_assessed record;
  v_opened_by text;
  v_reason text;
begin
  if NEW.health_status is not distinct from OLD.health_status then
    if NEW.consecutive_failures > OLD.consecutive_failures then
      update capataz_ops.module_state as t
      set cooldown_seconds = n.cooldown_seconds,
          probe_after = v_now + make_interval(secs => n.cooldown_seconds),
          lengthened_for = n.execute_id
      from (
        select least(s.breaker_max_seconds, t2.cooldown_seconds * s.breaker_factor) as cooldown_seconds, e.execute_id
        from capataz_ops.module_state as t2
        join capataz_ops.module_settings as s on s.module_name = t2.module_name
        join capataz_ops.module_probes as p on p.module_name = t2.module_name
        join capataz.robot_execute as e on e.execute_id = p.probe_execute_id
        where t2.module_name = NEW.module_name
          and e.execution_state = 'FAILED'
          and e.started_at >= t2.probe_after  -- a probe of this opening
          and e.execute_id is distinct from t2.lengthened_for
      ) as n
      where t.module_name = NEW.module_name;
    end if;
    return null;
  end if;

  select a.status, a.reason into v_assessed
  from capataz_ops._assess_health(NEW) as a;
  -- activate_module has closed the breaker already; a success has not
  select t.opened_by into v_opened_by
  from capataz_ops.module_state as t
  where t.module_name = NEW.module_name;
  v_reason := case
    when v_assessed.status is distinct from NEW.health_status then 'set by hand'
    when OLD.health_status = 'UNHEALTHY' and NEW.last_health_check is not distinct from OLD.last_health_check then
      case when v_opened_by is null then 'the module was activated' else 'an execution succeeded' end
        || case when NEW.health_status = 'HEALTHY' then '' else '; ' || v_assessed.reason end
    else v_assessed.reason
  end;

  if NEW.health_status = 'UNHEALTHY' then
    update capataz_ops.module_state as t
    set opened_by = case
          when v_assessed.status is distinct from 'UNHEALTHY' then 'hand'
          when NEW.consecutive_failures >= s.failure_threshold then 'work'
          else 'checks'
        end,
        cooldown_seconds = least(s.breaker_cooldown_seconds, s.breaker_max_seconds),
        probe_after = v_now + make_interval(secs => least(s.breaker_cooldown_seconds, s.breaker_max_seconds))
    from capataz_ops.module_settings as s
    where t.module_name = NEW.module_name
      and s.module_name = NEW.module_name;
  elsif OLD.health_status = 'UNHEALTHY' then
    update capataz_ops.module_state as t
    set opened_by = null,
        cooldown_seconds = null,
        probe_after = null,
        recovered_at = v_now
    where t.module_name = NEW.module_name;
  end if;

  insert into capataz_ops.health_changes (module_name, changed_at, from_status, to_status, reason)
  values (NEW.module_name, v_now, OLD.health_status, NEW.health_status, v_reason);
  -- whoever may connect may listen: what an error message says stays in the table
  perform pg_notify(
    'capataz_health',
    json_build_object(
      'module_name', NEW.module_name, 'from', OLD.health_status, 'to', NEW.health_status, 'reason', split_part(v_reason, ': ', 1),
      'at', v_now
    )::text
  );
  return null;
end
$$;

comment on function capataz_ops.tg_module_registry__health() is
  'Keeps the history of health, announces it, opens and closes the circuit breaker.';

create or replace trigger _600_health
  after update on capataz.module_registry
  for each row
  when (
    NEW.health_status is distinct from OLD.health_status
    or NEW.health_status = 'UNHEALTHY' and NEW.consecutive_failures is distinct from OLD.consecutive_failures
  )
  execute function capataz_ops.tg_module_registry__health();
