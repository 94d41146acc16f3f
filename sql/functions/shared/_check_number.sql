-- capataz_ops._check_number(p_field, p_value, p_min, p_max, p_required) -> void
--
-- Rejects a number outside p_min..p_max (NaN is outside every range).
-- Locks: none. Writes: nothing.
-- Raises: RB400 naming the field.   (specification 5.1: input validation)
create or replace function capataz_ops._check_number(
  p_field text,
  p_value double precision,
  p_min double precision,
  p_max double precision,
  p_required boolean default false
)
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_value is null and p_required then
    raise exception using
      errcode = 'RB400',
      message = format('%s is required', p_field),
      detail = format('%s is null.', p_field),
      hint = format('Give a number from %s to %s.', p_min, p_max);
  elsif not (p_value between p_min and p_max) then
    raise exception using
      errcode = 'RB400',
      message = format('%s is out of range', p_field),
      detail = format('%s is %s.', p_field, p_value),
      hint = format('Give a number from %s to %s.', p_min, p_max);
  end if;
end
$$;

comment on function capataz_ops._check_number(text, double precision, double precision, double precision, boolean) is
  'Raises RB400 where a number is missing or out of range.';
