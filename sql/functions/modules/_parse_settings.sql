-- capataz_ops._parse_settings(p_module_name, p_data) -> module_settings row
--
-- Checks the settings in registration_data and gives them typed, defaults filled in:
--   max_concurrency          1..1000000, absent = no limit
--   failure_threshold        1..1000000, default 5: FAILED executions in a row until UNHEALTHY
--   retry_policy             {base_seconds 5, factor 2, max_seconds 3600, jitter 0.1}
--   cache_ttl_seconds        > 0, absent = results never grow old
--   worker_timeout_seconds   1..86400, default 30: silence after which a worker is lost
--   timeout_seconds          1..2147483647, default 1800: time limit of an attempt where the claim names none
--   priority_aging_seconds   1..31536000, default 600: a robot waiting longer takes part in the share of the aged
--   health_check_interval_seconds  1..86400, default 60: how often the module is checked; silent for three, it is UNKNOWN
--   health_failure_threshold 1..1000000, default 3: failed health checks in a row until UNHEALTHY
--   min_success_rate         0..100, default 90: below this percentage in the last hour the module is DEGRADED
--   max_response_time_ms     1..2147483647, default 5000: a slower good health check makes the module DEGRADED
--   breaker                  {cooldown_seconds 30, factor 2, max_seconds 900}: time before the first probe of an UNHEALTHY
--                            module, and how it grows with each failed probe
--   retention_days           1..36500, absent = for ever: ended robots are removed so many days after their end
--   rate_limit               {per_second, burst}: what take_rate_token gives; burst as per_second (1 at least) where absent
--   sensitive_paths          up to 100 JSON paths of values that are sensitive, such as $.customer.name or $.lines[*].iban
--   input_schemas            per robot type the JSON Schema of its input_data
-- Locks: none. Writes: nothing.
-- Raises: RB400 naming the key.
create or replace function capataz_ops._parse_settings(p_module_name text, p_data jsonb)
  returns capataz_ops.module_settings
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_data constant jsonb := coalesce(p_data, '{}'::jsonb);
  v_retry jsonb := '{}'::jsonb;
  v_breaker jsonb := '{}'::jsonb;
  v_rate jsonb := '{}'::jsonb;
  v_paths constant jsonb := nullif(v_data -> 'sensitive_paths', 'null'::jsonb);
  v_schemas constant jsonb := nullif(v_data -> 'input_schemas', 'null'::jsonb);
  v_settings capataz_ops.module_settings;
  v_rule record;
begin
  if jsonb_typeof(v_data) <> 'object' then
    perform capataz_ops._check_json('registration_data', v_data, true);
  end if;
  if jsonb_typeof(v_data -> 'retry_policy') is distinct from 'null' then
    perform capataz_ops._check_json('registration_data.retry_policy', v_data -> 'retry_policy', true);
    v_retry := coalesce(v_data -> 'retry_policy', '{}');
  end if;
  if jsonb_typeof(v_data -> 'breaker') is distinct from 'null' then
    perform capataz_ops._check_json('registration_data.breaker', v_data -> 'breaker', true);
    v_breaker := coalesce(v_data -> 'breaker', '{}');
  end if;

  if jsonb_typeof(v_data -> 'rate_limit') is distinct from 'null' then
    perform capataz_ops._check_json('registration_data.rate_limit', v_data -> 'rate_limit', true);
    v_rate := coalesce(v_data -> 'rate_limit', '{}');
  end if;
  if v_rate <> '{}' and not v_rate ? 'per_second' then
    raise exception using
      errcode = 'RB400',
      message = 'registration_data.rate_limit needs per_second',
      detail = format('rate_limit is %s.', left(v_rate::text, 60)),
      hint = 'Give {"per_second": 50, "burst": 100}, or leave the key out.';
  end if;

  if v_paths is not null
     and (
       jsonb_typeof(v_paths) <> 'array'
       or jsonb_array_length(v_paths) not between 1 and 100
       or exists (
         select
         from jsonb_array_elements(v_paths) as p (path)
         where jsonb_typeof(p.path) <> 'string'
            or capataz_ops._path_steps(p.path #>> '{}') is null
       )
     )
  then
    raise exception using
      errcode = 'RB400',
      message = 'registration_data.sensitive_paths is not usable',
      detail = format('sensitive_paths is %s.', left(v_paths::text, 200)),
      hint = 'Give 1 to 100 paths of the steps .name, ."any name", .*, [*] and [n], such as ["$.customer.name", "$.lines[*].iban"].';
  end if;

  if v_schemas is not null then
    perform capataz_ops._check_json('registration_data.input_schemas', v_schemas, true);
    if pg_column_size(v_schemas) > 262144 then
      raise exception using
        errcode = 'RB400',
        message = 'registration_data.input_schemas is too large',
        detail = format('It has %s bytes.', pg_column_size(v_schemas)),
        hint = 'All schemas together may have 256 KiB.';
    end if;
    for v_rule in
      select e.key, e.value
      from jsonb_each(v_schemas) as e (key, value)
    loop
      perform capataz_ops._check_schema(format('registration_data.input_schemas.%s', left(v_rule.key, 60)), v_rule.value);
    end loop;
  end if;

  for v_rule in
    select o.field, k.key
    from (
      values
        (v_retry, 'retry_policy', array['base_seconds', 'factor', 'max_seconds', 'jitter']),
        (v_breaker, 'breaker', array['cooldown_seconds', 'factor', 'max_seconds']),
        (v_rate, 'rate_limit', array['per_second', 'burst'])
    ) as o (given, field, known)
    cross join jsonb_object_keys(o.given) as k (key)
    where k.key <> all (o.known)
  loop
    raise exception using
      errcode = 'RB400',
      message = format('registration_data.%s.%s is not known', v_rule.field, left(v_rule.key, 60)),
      detail = format('%s has the key "%s".', v_rule.field, left(v_rule.key, 60)),
      hint = 'See the settings of a module in docs/operations.md.';
  end loop;

  for v_rule in
    select r.field, r.given, r.is_integer, r.lowest, r.highest
    from (
      values
        ('max_concurrency', v_data -> 'max_concurrency', true, 1.0, 1000000.0),
        ('failure_threshold', v_data -> 'failure_threshold', true, 1.0, 1000000.0),
        ('cache_ttl_seconds', v_data -> 'cache_ttl_seconds', false, 0.001, 3153600000.0),
        ('worker_timeout_seconds', v_data -> 'worker_timeout_seconds', false, 1.0, 86400.0),
        ('timeout_seconds', v_data -> 'timeout_seconds', true, 1.0, 2147483647.0),
        ('priority_aging_seconds', v_data -> 'priority_aging_seconds', false, 1.0, 31536000.0),
        ('retry_policy.base_seconds', v_retry -> 'base_seconds', false, 0.0, 31536000.0),
        ('retry_policy.factor', v_retry -> 'factor', false, 1.0, 100.0),
        ('retry_policy.max_seconds', v_retry -> 'max_seconds', false, 0.0, 31536000.0),
        ('retry_policy.jitter', v_retry -> 'jitter', false, 0.0, 1.0),
        ('health_check_interval_seconds', v_data -> 'health_check_interval_seconds', false, 1.0, 86400.0),
        ('health_failure_threshold', v_data -> 'health_failure_threshold', true, 1.0, 1000000.0),
        ('min_success_rate', v_data -> 'min_success_rate', false, 0.0, 100.0),
        ('max_response_time_ms', v_data -> 'max_response_time_ms', true, 1.0, 2147483647.0),
        ('retention_days', v_data -> 'retention_days', true, 1.0, 36500.0),
        ('breaker.cooldown_seconds', v_breaker -> 'cooldown_seconds', false, 0.0, 604800.0),
        ('breaker.factor', v_breaker -> 'factor', false, 1.0, 100.0),
        ('breaker.max_seconds', v_breaker -> 'max_seconds', false, 0.0, 604800.0),
        ('rate_limit.per_second', v_rate -> 'per_second', false, 0.000001, 1000000.0),
        ('rate_limit.burst', v_rate -> 'burst', false, 1.0, 1000000000.0)
    ) as r (field, given, is_integer, lowest, highest)
    where r.given <> 'null'::jsonb
  loop
    if jsonb_typeof(v_rule.given) <> 'number'
       or not (v_rule.given #>> '{}')::numeric between v_rule.lowest and v_rule.highest
       or v_rule.is_integer and (v_rule.given #>> '{}')::numeric % 1 <> 0
    then
      raise exception using
        errcode = 'RB400',
        message = format('registration_data.%s is not usable', v_rule.field),
        detail = format('%s is %s.', v_rule.field, left(v_rule.given::text, 60)),
        hint = format(
          'Give %s from %s to %s, or leave the key out.',
          case when v_rule.is_integer then 'a whole number' else 'a number' end,
          trim_scale(v_rule.lowest), trim_scale(v_rule.highest)
        );
    end if;
  end loop;

  v_settings.module_name := p_module_name;
  v_settings.max_concurrency := (v_data ->> 'max_concurrency')::numeric::integer;
  v_settings.failure_threshold := coalesce((v_data ->> 'failure_threshold')::numeric::integer, 5);
  v_settings.retry_base_seconds := coalesce(round((v_retry ->> 'base_seconds')::numeric, 6)::double precision, 5);
  v_settings.retry_factor := coalesce(round((v_retry ->> 'factor')::numeric, 6)::double precision, 2);
  v_settings.retry_max_seconds := coalesce(round((v_retry ->> 'max_seconds')::numeric, 6)::double precision, 3600);
  v_settings.retry_jitter := coalesce(round((v_retry ->> 'jitter')::numeric, 6)::double precision, 0.1);
  v_settings.cache_ttl_seconds := round((v_data ->> 'cache_ttl_seconds')::numeric, 6)::double precision;
  v_settings.worker_timeout_seconds := coalesce(round((v_data ->> 'worker_timeout_seconds')::numeric, 6)::double precision, 30);
  v_settings.timeout_seconds := coalesce((v_data ->> 'timeout_seconds')::numeric::integer, 1800);
  v_settings.priority_aging_seconds := coalesce(round((v_data ->> 'priority_aging_seconds')::numeric, 6)::double precision, 600);
  v_settings.retention_days := (v_data ->> 'retention_days')::numeric::integer;
  v_settings.health_check_interval_seconds :=
    coalesce(round((v_data ->> 'health_check_interval_seconds')::numeric, 6)::double precision, 60);
  v_settings.health_failure_threshold := coalesce((v_data ->> 'health_failure_threshold')::numeric::integer, 3);
  v_settings.min_success_rate := coalesce(round((v_data ->> 'min_success_rate')::numeric, 6)::double precision, 90);
  v_settings.max_response_time_ms := coalesce((v_data ->> 'max_response_time_ms')::numeric::integer, 5000);
  v_settings.breaker_cooldown_seconds :=
    coalesce(round((v_breaker ->> 'cooldown_seconds')::numeric, 6)::double precision, 30);
  v_settings.breaker_factor := coalesce(round((v_breaker ->> 'factor')::numeric, 6)::double precision, 2);
  v_settings.breaker_max_seconds := coalesce(round((v_breaker ->> 'max_seconds')::numeric, 6)::double precision, 900);
  v_settings.rate_per_second := round((v_rate ->> 'per_second')::numeric, 6)::double precision;
  v_settings.rate_burst := coalesce(
    round((v_rate ->> 'burst')::numeric, 6)::double precision, greatest(v_settings.rate_per_second, 1)
  );
  if v_settings.rate_per_second is null then
    v_settings.rate_burst := null;
  end if;
  v_settings.sensitive_paths := case
    when v_paths is not null then array(select p.path from jsonb_array_elements_text(v_paths) as p (path))
  end;
  v_settings.input_schemas := nullif(v_schemas, '{}'::jsonb);
  return v_settings;
end
$$;

comment on function capataz_ops._parse_settings(text, jsonb) is
  'Typed settings of a module from its registration_data; RB400 names a bad key.';
