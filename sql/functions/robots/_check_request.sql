-- capataz_ops._check_request(p_request, p_index) -> robot_request
--
-- Checks the arguments of one submit_robot and fills in the defaults of those that are null.
-- p_index: place in submit_robots (from 0), null for a single submit; it is named in the error.
-- Locks: none. Writes: nothing. Raises: RB400 naming the field.   (specification 5.1: input validation)
create or replace function capataz_ops._check_request(p_request capataz_ops.robot_request, p_index bigint)
  returns capataz_ops.robot_request
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_control constant text := e'[\\u0001-\\u001F\\u007F-\\u009F\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069]';
  v_request capataz_ops.robot_request := p_request;
  v_prefix constant text := case when p_index is null then '' else format('robots[%s].', p_index) end;
begin
  if v_request.input_data is null then
    v_request.input_data := '{}';
  end if;
  if v_request.priority is null then
    v_request.priority := 'NORMAL';
  end if;
  if v_request.retry_limit is null then
    v_request.retry_limit := 3;
  end if;

  -- one expression for the good case; which rule is broken is looked up only where one is
  if v_request.robot_type <> '' and length(v_request.robot_type) <= 50 and v_request.robot_type !~ c_control
     and (v_request.input_data = '{}' or capataz_ops._json_fault(v_request.input_data) is null)
     and v_request.priority in ('LOW', 'NORMAL', 'HIGH', 'CRITICAL')
     and v_request.retry_limit between 0 and 1000
     and (v_request.module_name is null or length(v_request.module_name) between 1 and 100)
     and (
       v_request.cache_key is null
       or length(v_request.cache_key) between 1 and 255 and v_request.cache_key !~ c_control
     )
     and (
       v_request.correlation_id is null
       or length(v_request.correlation_id) between 1 and 100 and v_request.correlation_id !~ c_control
     )
     and (
       v_request.source_reference is null
       or length(v_request.source_reference) between 1 and 200 and v_request.source_reference !~ c_control
     )
     and (
       v_request.robot_id is null
       or length(v_request.robot_id) between 1 and 50 and v_request.robot_id ~ '^[A-Za-z0-9_.:-]+$'
         and v_request.robot_id !~ c_control
     )
     and (
       v_request.metadata is null
       or jsonb_typeof(v_request.metadata) = 'object' and capataz_ops._json_fault(v_request.metadata) is null
         and not v_request.metadata ? 'traceparent'
     )
     and (
       num_nulls(
         v_request.processing_tier, v_request.security_classification, v_request.compliance_tags, v_request.complexity_score
       ) = 4
     )
     and (v_request.available_at is null or isfinite(v_request.available_at))
     and (
       v_request.estimated_duration_minutes is null
       or v_request.estimated_duration_minutes between 0 and 2147483647
     )
  then
    return v_request;
  end if;

  perform capataz_ops._check_text(v_prefix || 'robot_type', v_request.robot_type, 50, true);
  perform capataz_ops._check_json(v_prefix || 'input_data', v_request.input_data, false);
  perform capataz_ops._check_text(v_prefix || 'module_name', v_request.module_name, 100, false);
  perform capataz_ops._check_enum(
    v_prefix || 'priority', v_request.priority, array['LOW', 'NORMAL', 'HIGH', 'CRITICAL']
  );
  if v_request.available_at is not null and not isfinite(v_request.available_at) then
    raise exception using
      errcode = 'RB400',
      message = format('%savailable_at must be a finite time', v_prefix),
      detail = format('available_at is %s.', v_request.available_at),
      hint = 'Give a time in UTC such as 2026-01-31T08:00:00.';
  end if;
  perform capataz_ops._check_text(v_prefix || 'cache_key', v_request.cache_key, 255, false);
  perform capataz_ops._check_text(v_prefix || 'correlation_id', v_request.correlation_id, 100, false);
  perform capataz_ops._check_text(v_prefix || 'source_reference', v_request.source_reference, 200, false);
  perform capataz_ops._check_number(v_prefix || 'retry_limit', v_request.retry_limit, 0, 1000);
  perform capataz_ops._check_number(
    v_prefix || 'estimated_duration_minutes', v_request.estimated_duration_minutes, 0, 2147483647
  );
  perform capataz_ops._check_number(v_prefix || 'complexity_score', v_request.complexity_score, 0, 9.9);
  perform capataz_ops._check_enum(
    v_prefix || 'processing_tier', v_request.processing_tier, array['FAST', 'STANDARD', 'COMPLEX', 'BULK']
  );
  perform capataz_ops._check_text(
    v_prefix || 'security_classification', v_request.security_classification, 20, false
  );
  if coalesce(array_ndims(v_request.compliance_tags), 1) <> 1
     or octet_length(v_request.compliance_tags::text) > 8000
     or exists (select from unnest(v_request.compliance_tags) as t (tag) where t.tag is null or t.tag ~ c_control)
  then
    raise exception using
      errcode = 'RB400',
      message = format('%scompliance_tags is not usable', v_prefix),
      detail = format('compliance_tags is %s.', to_json(left(v_request.compliance_tags::text, 60))),
      hint = 'Give a plain array of texts without nulls and control characters, up to 8000 bytes.';
  end if;
  perform capataz_ops._check_json(v_prefix || 'metadata', v_request.metadata, true);
  if not capataz_ops._is_traceparent(v_request.metadata -> 'traceparent') then
    raise exception using
      errcode = 'RB400',
      message = format('%smetadata.traceparent is no trace context', v_prefix),
      detail = format('traceparent is %s.', left(v_request.metadata ->> 'traceparent', 60)),
      hint = 'Give a W3C traceparent such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01, or leave it out.';
  end if;
  perform capataz_ops._check_text(v_prefix || 'robot_id', v_request.robot_id, 50, false);
  if v_request.robot_id !~ '^[A-Za-z0-9_.:-]+$' then
    raise exception using
      errcode = 'RB400',
      message = format('%srobot_id has other characters than A-Z a-z 0-9 _ . : -', v_prefix),
      detail = format('robot_id is "%s".', v_request.robot_id),
      hint = 'Use only those characters, or leave robot_id out.';
  end if;
  return v_request;
end
$$;

comment on function capataz_ops._check_request(capataz_ops.robot_request, bigint) is
  'Checks the arguments of one robot to submit and fills in defaults. RB400.';
