-- capataz_ops._completion_error(p_element) -> text
--
-- What is wrong with one element of complete_executions, as 'RB400: ...'; null where nothing is.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._completion_error(p_element jsonb)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key text;
begin
  if jsonb_typeof(p_element) <> 'object' then
    return 'RB400: the element must be a JSON object';
  elsif jsonb_typeof(p_element -> 'execute_id') is distinct from 'string' then
    return 'RB400: execute_id must be a text';
  elsif pg_column_size(p_element -> 'output_data') > 4194304 then
    return 'RB400: output_data is too large';
  elsif capataz_ops._json_fault(p_element -> 'output_data') is not null then
    return 'RB400: output_data is nested too deeply, or has a number out of range';
  end if;

  foreach v_key in array array['performance_metrics'] loop
    if jsonb_typeof(p_element -> v_key) not in ('object', 'null') then
      return format('RB400: %s must be a JSON object', v_key);
    elsif pg_column_size(p_element -> v_key) > 4194304 then
      return format('RB400: %s is too large', v_key);
    elsif capataz_ops._json_fault(p_element -> v_key) is not null then
      return format('RB400: %s is nested too deeply, or has a number out of range', v_key);
    end if;
  end loop;

  if p_element ?| array['confidence_score', 'completeness_score', 'resource_usage_mb'] then
    foreach v_key in array array['confidence_score', 'completeness_score', 'resource_usage_mb'] loop
      if jsonb_typeof(p_element -> v_key) not in ('number', 'null') then
        return format('RB400: %s must be a number', v_key);
      elsif (p_element ->> v_key)::numeric < 0
            or (p_element ->> v_key)::numeric > 1 and v_key <> 'resource_usage_mb'
            or (p_element ->> v_key)::numeric > 2147483647
      then
        return format('RB400: %s is out of range', v_key);
      end if;
    end loop;
  end if;

  select k.key into v_key
  from jsonb_object_keys(p_element) as k (key)
  where k.key not in (
    'execute_id', 'output_data', 'performance_metrics', 'confidence_score', 'completeness_score', 'resource_usage_mb'
  )
  limit 1;
  if found then
    return format('RB400: unknown key "%s"', left(v_key, 60));
  end if;
  return null;
end
$$;

comment on function capataz_ops._completion_error(jsonb) is
  'What is wrong with one element of complete_executions.';
