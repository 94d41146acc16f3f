-- capataz_ops._check_enum(p_field, p_value, p_allowed) -> void
--
-- Rejects a value that is none of p_allowed; null passes.
-- Locks: none. Writes: nothing.
-- Raises: RB400 naming the field and what is allowed.   (specification 5.1: input validation)
create or replace function capataz_ops._check_enum(p_field text, p_value text, p_allowed text[])
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_value <> all (p_allowed) then
    raise exception using
      errcode = 'RB400',
      message = format('%s has an unknown value', p_field),
      detail = format('%s is "%s".', p_field, left(p_value, 60)),
      hint = format('Give one of %s.', array_to_string(p_allowed, ', '));
  end if;
end
$$;

comment on function capataz_ops._check_enum(text, text, text[]) is
  'Raises RB400 where a value is none of the allowed ones.';
