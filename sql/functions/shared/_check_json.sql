-- capataz_ops._check_json(p_field, p_value, p_must_be_object) -> void
--
-- Rejects a JSON argument that cannot be stored (_json_fault), or that is no object where an object is needed.
-- Locks: none. Writes: nothing.
-- Raises: RB400 naming the field.   (specification 5.1: input validation)
create or replace function capataz_ops._check_json(p_field text, p_value jsonb, p_must_be_object boolean)
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault constant text := capataz_ops._json_fault(p_value);
begin
  if v_fault = 'number' then
    raise exception using
      errcode = 'RB400',
      message = format('%s has a number out of range', p_field),
      detail = format('%s has a number beyond 1e100, or nearer to 0 than 1e-100.', p_field),
      hint = 'Write such numbers as texts.';
  elsif v_fault = 'levels' then
    raise exception using
      errcode = 'RB400',
      message = format('%s is nested too deeply', p_field),
      detail = format('%s has more than 100 levels.', p_field),
      hint = 'JSON may have up to 100 levels of objects and arrays.';
  elsif v_fault = 'size' then
    raise exception using
      errcode = 'RB400',
      message = format('%s is too large', p_field),
      detail = format('%s has %s bytes.', p_field, pg_column_size(p_value #> '{}')),
      hint = 'JSON may have up to 4 MiB (4194304 bytes): keep large data elsewhere and refer to it.';
  end if;
  if p_must_be_object and jsonb_typeof(p_value) <> 'object' then
    raise exception using
      errcode = 'RB400',
      message = format('%s must be a JSON object', p_field),
      detail = format('%s is of type %s.', p_field, jsonb_typeof(p_value)),
      hint = 'Give an object such as {"key": "value"}.';
  end if;
end
$$;

comment on function capataz_ops._check_json(text, jsonb, boolean) is
  'Raises RB400 where a JSON argument is over 4 MiB or not an object.';
