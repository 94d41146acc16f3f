-- capataz_ops._failure_error(p_element) -> text
--
-- What is wrong with one element of fail_executions, as 'RB400: ...'; null where nothing is.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._failure_error(p_element jsonb)
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
  elsif jsonb_typeof(p_element -> 'error_message') is distinct from 'string' then
    return 'RB400: error_message must be a text';
  elsif jsonb_typeof(p_element -> 'error_category') not in ('string', 'null')
        or (p_element ->> 'error_category') !~ '^[A-Z][A-Z0-9_]*$'
        or (p_element ->> 'error_category') ~ e'\n'
        or length(p_element ->> 'error_category') > 50
  then
    return 'RB400: error_category must be upper-case letters, digits and _, up to 50';
  elsif jsonb_typeof(p_element -> 'error_details') not in ('object', 'null') then
    return 'RB400: error_details must be a JSON object';
  elsif pg_column_size(p_element -> 'error_details') > 4194304 then
    return 'RB400: error_details is too large';
  elsif capataz_ops._json_fault(p_element -> 'error_details') is not null then
    return 'RB400: error_details is nested too deeply, or has a number out of range';
  elsif jsonb_typeof(p_element -> 'error_stack_trace') not in ('string', 'null') then
    return 'RB400: error_stack_trace must be a text';
  elsif jsonb_typeof(p_element -> 'retryable') not in ('boolean', 'null') then
    return 'RB400: retryable must be true or false';
  end if;

  select k.key into v_key
  from jsonb_object_keys(p_element) as k (key)
  where k.key not in (
    'execute_id', 'error_message', 'error_category', 'error_details', 'error_stack_trace', 'retryable'
  )
  limit 1;
  if found then
    return format('RB400: unknown key "%s"', left(v_key, 60));
  end if;
  return null;
end
$$;

comment on function capataz_ops._failure_error(jsonb) is
  'What is wrong with one element of fail_executions.';
