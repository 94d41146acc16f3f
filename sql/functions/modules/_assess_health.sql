-- capataz_ops._assess_health(p_module) -> (status, reason)
--
-- What the health of a module should be, from its row and its state (specification 3.1, 5.2; ADR 0016). In this order:
-- UNHEALTHY  somebody opened the breaker by hand; failure_threshold executions failed in a row; or
--            health_failure_threshold health checks failed in a row
-- UNKNOWN    checked once, and then silent for three health_check_interval_seconds
-- DEGRADED   fewer than min_success_rate percent of the executions of the last hour (20 or more, ended since the breaker last
--            closed) COMPLETED; the last check failed, or took longer than max_response_time_ms
-- HEALTHY    the last check was good; or never checked, and work has brought it back from a worse state
-- UNKNOWN    never checked
-- A reason tells 500 characters of the last error; of a longer one, those that are left when what the detectors find is masked.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._assess_health(
  p_module capataz.module_registry,
  out status capataz.module_health_enum,
  out reason text
)
  returns record
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_rules record;
  v_recent record;
  v_tells_error boolean := false;
begin
  select
    t.opened_by, t.failed_checks, t.last_response_time_ms, t.recovered_at, s.failure_threshold, s.health_failure_threshold,
    s.min_success_rate, s.max_response_time_ms, make_interval(secs => 3 * s.health_check_interval_seconds) as silence
  into v_rules
  from capataz_ops.module_state as t
  join capataz_ops.module_settings as s on s.module_name = t.module_name
  where t.module_name = p_module.module_name;

  if p_module.health_status = 'UNHEALTHY' and v_rules.opened_by = 'hand' then
    status := 'UNHEALTHY';
    reason := 'set by hand';
  elsif p_module.consecutive_failures >= v_rules.failure_threshold then
    status := 'UNHEALTHY';
    reason := format('%s executions failed in a row', p_module.consecutive_failures);
    v_tells_error := true;
  elsif v_rules.failed_checks >= v_rules.health_failure_threshold then
    status := 'UNHEALTHY';
    reason := format('%s health checks failed in a row', v_rules.failed_checks);
    v_tells_error := true;
  elsif p_module.last_health_check < v_now - v_rules.silence then
    status := 'UNKNOWN';
    reason := format('no health check since %s UTC', date_trunc('second', p_module.last_health_check));
  elsif v_rules.failed_checks > 0 then
    status := 'DEGRADED';
    reason := 'a health check failed';
    v_tells_error := true;
  elsif v_rules.last_response_time_ms > v_rules.max_response_time_ms then
    status := 'DEGRADED';
    reason := format(
      'the health check took %s ms, more than %s ms', v_rules.last_response_time_ms, v_rules.max_response_time_ms
    );
  else
    select sum(f.completed_count) as completed_count, sum(f.completed_count + f.failed_count) as ended_count into v_recent
    from capataz_ops.module_minutes as f
    where f.module_name = p_module.module_name
      and f.minute > greatest(v_rules.recovered_at, v_now - interval '1 hour');
    if v_recent.ended_count >= 20 and 100 * v_recent.completed_count < v_rules.min_success_rate * v_recent.ended_count then
      status := 'DEGRADED';
      reason := format(
        '%s of the last %s executions succeeded, below %s %%', v_recent.completed_count, v_recent.ended_count,
        v_rules.min_success_rate
      );
    elsif p_module.last_health_check is not null then
      status := 'HEALTHY';
      reason := 'the health check is good';
    elsif p_module.health_status <> 'UNKNOWN' then
      status := 'HEALTHY';
      reason := 'nothing speaks against it';
    else
      status := 'UNKNOWN';
      reason := 'never checked';
    end if;
  end if;

  if v_tells_error then
    -- masked before it is cut: half a card number is one that no detector finds
    reason := reason || coalesce(': ' || left(
      case
        when length(p_module.last_error_message) > 500 then capataz_ops._mask_text(p_module.last_error_message)
        else p_module.last_error_message
      end,
      500
    ), '');
  end if;
end
$$;

comment on function capataz_ops._assess_health(capataz.module_registry) is
  'What the health of a module should be, and why.';
