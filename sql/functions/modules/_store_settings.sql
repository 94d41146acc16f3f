-- capataz_ops._store_settings(p_settings) -> void
--
-- Stores the typed settings of a module, and the row of its totals where there is none yet. Where it gets or loses its
-- max_concurrency, claims that saw none end first (ADR 0007).
-- Locks:  module_settings row; limit_guards as _lock_limit, where they change.
-- Writes: module_settings, module_state, module_probes, limit_guards. Raises: nothing.
create or replace function capataz_ops._store_settings(p_settings capataz_ops.module_settings)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into capataz_ops.module_settings
  values (p_settings.*)
  on conflict (module_name) do update set
    max_concurrency = excluded.max_concurrency,
    failure_threshold = excluded.failure_threshold,
    retry_base_seconds = excluded.retry_base_seconds,
    retry_factor = excluded.retry_factor,
    retry_max_seconds = excluded.retry_max_seconds,
    retry_jitter = excluded.retry_jitter,
    cache_ttl_seconds = excluded.cache_ttl_seconds,
    worker_timeout_seconds = excluded.worker_timeout_seconds,
    timeout_seconds = excluded.timeout_seconds,
    priority_aging_seconds = excluded.priority_aging_seconds,
    health_check_interval_seconds = excluded.health_check_interval_seconds,
    health_failure_threshold = excluded.health_failure_threshold,
    min_success_rate = excluded.min_success_rate,
    max_response_time_ms = excluded.max_response_time_ms,
    breaker_cooldown_seconds = excluded.breaker_cooldown_seconds,
    breaker_factor = excluded.breaker_factor,
    breaker_max_seconds = excluded.breaker_max_seconds,
    retention_days = excluded.retention_days,
    sensitive_paths = excluded.sensitive_paths,
    input_schemas = excluded.input_schemas,
    rate_per_second = excluded.rate_per_second,
    rate_burst = excluded.rate_burst,
    sla_seconds = excluded.sla_seconds,
    target_wait_seconds = excluded.target_wait_seconds;

  insert into capataz_ops.module_state (module_name)
  values (p_settings.module_name)
  on conflict (module_name) do nothing;

  insert into capataz_ops.module_probes (module_name)
  values (p_settings.module_name)
  on conflict (module_name) do nothing;

  insert into capataz_ops.limit_guards (module_name, slot, is_limited)
  select p_settings.module_name, g.slot, p_settings.max_concurrency is not null
  from generate_series(0, 32) as g (slot)
  on conflict (module_name, slot) do nothing;
  if exists (
    select
    from capataz_ops.limit_guards as g
    where g.module_name = p_settings.module_name
      and g.is_limited <> (p_settings.max_concurrency is not null)
  ) then
    perform capataz_ops._lock_limit(p_settings.module_name);
    update capataz_ops.limit_guards as g
    set is_limited = p_settings.max_concurrency is not null
    where g.module_name = p_settings.module_name;
  end if;
end
$$;

comment on function capataz_ops._store_settings(capataz_ops.module_settings) is
  'Stores the typed settings of a module.';
