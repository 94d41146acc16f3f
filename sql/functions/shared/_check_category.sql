-- capataz_ops._check_category(p_field, p_value) -> void
--
-- Rejects an error category that does not match ^[A-Z][A-Z0-9_]*$ or is longer than 50; null passes.
-- Locks: none. Writes: nothing. Raises: RB400 naming the field.
create or replace function capataz_ops._check_category(p_field text, p_value text)
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_value !~ '^[A-Z][A-Z0-9_]*$' or length(p_value) > 50 or p_value ~ e'\n' then
    raise exception using
      errcode = 'RB400',
      message = format('%s is not an error category', p_field),
      detail = format('%s is %s.', p_field, to_json(left(p_value, 60))),
      hint = 'Use upper-case letters, digits and _, such as EXTERNAL_API; up to 50.';
  end if;
end
$$;

comment on function capataz_ops._check_category(text, text) is
  'Raises RB400 for what is no error category.';
