-- capataz_ops._check_text(p_field, p_value, p_max_length, p_required) -> void
--
-- Rejects a text argument that is missing, empty, too long or has control characters. These are what could harm a log or a
-- terminal, as in _clean_text: also separators of lines and paragraphs, and marks that turn the direction of writing.
-- Locks: none. Writes: nothing.
-- Raises: RB400 naming the field.   (specification 5.1: input validation)
create or replace function capataz_ops._check_text(
  p_field text,
  p_value text,
  p_max_length integer,
  p_required boolean
)
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_value is null then
    if p_required then
      raise exception using
        errcode = 'RB400',
        message = format('%s is required', p_field),
        detail = format('%s is null.', p_field),
        hint = format('Give a text of 1 to %s characters.', p_max_length);
    end if;
  elsif p_value = '' or length(p_value) > p_max_length then
    raise exception using
      errcode = 'RB400',
      message = format('%s must have 1 to %s characters', p_field, p_max_length),
      detail = format('%s has %s characters: "%s".', p_field, length(p_value), left(p_value, 60)),
      hint = format('Give a text of 1 to %s characters.', p_max_length);
  elsif p_value ~ e'[\\u0001-\\u001F\\u007F-\\u009F\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069]' then
    raise exception using
      errcode = 'RB400',
      message = format('%s has control characters', p_field),
      detail = format('%s is %s.', p_field, to_json(left(p_value, 60))),
      hint = 'Remove line breaks, tabs, marks of direction and other control characters.';
  end if;
end
$$;

comment on function capataz_ops._check_text(text, text, integer, boolean) is
  'Raises RB400 where a text argument is missing, empty, too long or has control characters.';
