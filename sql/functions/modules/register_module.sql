-- capataz.register_module(...) -> module_registry row
--
-- Registers a module, or brings its registration up to date: an upsert by p_module_name (specification 3.1).
-- A new version or environment re-labels the row; its robots and counters stay. p_registration_data is merged:
-- given keys replace, absent keys stay, a JSON null removes. null for p_health_endpoint leaves it unchanged.
-- Locks:  limit_guards rows where max_concurrency is given (waits for claims that saw the module without one), module_registry
--         row.
-- Writes: module_registry; by trigger module_settings, module_state, module_permits, limit_guards.
-- Raises: RB400 bad argument, unusable setting or reserved key (names the field), RB401, RB403 an API key
--         of another module, or one that would lift limits or add robot types, RB409 module_id taken by another name.
create or replace function capataz.register_module(
  p_module_name text,
  p_module_version text,
  p_supported_robot_types text[],
  p_environment text default 'prod',
  p_health_endpoint text default null,
  p_registration_data jsonb default '{}'
)
  returns capataz.module_registry
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope('admin');
  v_environment constant text := coalesce(p_environment, 'prod');
  v_data constant jsonb := coalesce(p_registration_data, '{}');
  v_module_id text;
  v_type text;
  v_reserved text;
  v_row capataz.module_registry;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._check_text('module_version', p_module_version, 50, true);
  perform capataz_ops._check_text('environment', v_environment, 50, true);
  perform capataz_ops._check_text('health_endpoint', p_health_endpoint, 200, false);
  perform capataz_ops._check_json('registration_data', v_data, true);

  if btrim(p_module_name) <> p_module_name
     or btrim(p_module_version) <> p_module_version
     or btrim(v_environment) <> v_environment
  then
    raise exception using
      errcode = 'RB400',
      message = 'module_name, module_version and environment must not begin or end with a space',
      detail = format('They are "%s", "%s" and "%s".', p_module_name, p_module_version, v_environment),
      hint = 'Remove the space.';
  end if;

  v_module_id := p_module_name || '_' || p_module_version || '_' || v_environment;
  if length(v_module_id) > 100 then
    raise exception using
      errcode = 'RB400',
      message = 'module_name, module_version and environment are too long together',
      detail = format('module_id "%s" has %s characters.', v_module_id, length(v_module_id)),
      hint = 'Together they may have 98 characters.';
  end if;

  if coalesce(array_ndims(p_supported_robot_types), 0) <> 1
     or cardinality(p_supported_robot_types) not between 1 and 32
  then
    raise exception using
      errcode = 'RB400',
      message = 'supported_robot_types must name 1 to 32 robot types',
      detail = format('supported_robot_types has %s.', coalesce(cardinality(p_supported_robot_types), 0)),
      hint = 'Give a plain array such as array[''INVOICE''].';
  end if;
  foreach v_type in array p_supported_robot_types loop
    perform capataz_ops._check_text('supported_robot_types', v_type, 50, true);
  end loop;
  if octet_length(array_to_string(p_supported_robot_types, ',', '')) > 2000 then
    raise exception using
      errcode = 'RB400',
      message = 'supported_robot_types is too long',
      detail = format('It has %s bytes.', octet_length(array_to_string(p_supported_robot_types, ',', ''))),
      hint = 'All types together may have 2000 bytes: shorten their names.';
  end if;

  -- what limits a module, and what others run or call for it, is not for the callers it limits
  if v_modules is not null
     and (
       p_health_endpoint is not null
       or v_data ?| array['rate_limit', 'max_concurrency', 'input_schemas', 'sensitive_paths', 'retention_days']
     )
  then
    raise exception using
      errcode = 'RB403',
      message = 'an API key may not change limits, schemas, sensitive paths, retention or health_endpoint of its module',
      detail = format('%s may reach %s.', capataz_ops._caller_name(), capataz_ops._listed(v_modules)),
      hint = 'Leave these out; an admin sets them.';
  end if;

  select k.key into v_reserved
  from jsonb_object_keys(v_data) as k (key)
  where k.key in ('api_keys')
  limit 1;
  if found then
    raise exception using
      errcode = 'RB400',
      message = format('registration_data.%s is reserved', v_reserved),
      detail = 'Capataz keeps this key itself.',
      hint = 'Leave the key out.';
  end if;

  if v_data ? 'max_concurrency' then
    -- before the module's row: claims that saw no limit end first, and none begins until this is committed (ADR 0007)
    perform capataz_ops._lock_limit(p_module_name);
  end if;

  loop
    if exists (
      select from capataz.module_registry as m where m.module_id = v_module_id and m.module_name <> p_module_name
    ) then
      raise exception using
        errcode = 'RB409',
        message = format('module_id "%s" is already taken', v_module_id),
        detail = 'Another module has a name and version that read the same together.',
        hint = 'Change name, version or environment.';
    end if;

    -- An update that names a key column locks the row so that the foreign keys of submits wait for it, and it for them:
    -- module_id, and the version that stands in it, are named only where they change.
    update capataz.module_registry as m
    set module_id = v_module_id,
        module_version = p_module_version
    where m.module_name = p_module_name
      and m.module_id <> v_module_id;

    update capataz.module_registry as m
    set supported_robot_types = p_supported_robot_types,
        health_endpoint = coalesce(p_health_endpoint, m.health_endpoint),
        registration_data = (
          select coalesce(jsonb_object_agg(d.key, d.value), '{}')
          from jsonb_each(coalesce(m.registration_data, '{}') || v_data) as d (key, value)
          where d.value <> 'null'::jsonb
        )
    where m.module_name = p_module_name
      -- a new type is work of other modules, which the router would hand to this one
      and (v_modules is null or p_supported_robot_types <@ m.supported_robot_types)
    returning m.* into v_row;
    exit when found;

    if v_modules is not null then
      raise exception using
        errcode = 'RB403',
        message = 'an API key may not add robot types to its module',
        detail = format(
          'The module supports %s.',
          (
            select left(array_to_string(m.supported_robot_types, ', '), 200)
            from capataz.module_registry as m
            where m.module_name = p_module_name
          )
        ),
        hint = 'Give types that it supports; an admin adds others.';
    end if;

    insert into capataz.module_registry as m (
      module_id, module_name, module_version, supported_robot_types, health_endpoint, registration_data
    )
    values (
      v_module_id, p_module_name, p_module_version, p_supported_robot_types, p_health_endpoint,
      (
        select coalesce(jsonb_object_agg(d.key, d.value), '{}')
        from jsonb_each(v_data) as d (key, value)
        where d.value <> 'null'::jsonb
      )
    )
    on conflict do nothing
    returning m.* into v_row;
    exit when found;
  end loop;

  v_row.registration_data := v_row.registration_data - 'api_keys';
  return v_row;
end
$$;

comment on function capataz.register_module(text, text, text[], text, text, jsonb) is
  'Registers a module or brings its registration up to date (upsert by name; settings are merged). RB400, RB401, RB403, RB409.';
