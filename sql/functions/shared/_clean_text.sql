-- capataz_ops._clean_text(p_text) -> text
--
-- Free text as it may be stored, shown and logged: without control characters (C0 but line feed and tab, DEL, C1), line and
-- paragraph separators (U+2028, U+2029) and characters that turn the direction of text (U+202A to U+202E, U+2066 to U+2069).
-- Locks: none. Writes: nothing. Raises: nothing.   (specification 5.1: input sanitisation)
create or replace function capataz_ops._clean_text(p_text text)
  returns text
  language sql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select regexp_replace(
    p_text, '[\u0001-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]', '', 'g'
  )
$$;

comment on function capataz_ops._clean_text(text) is
  'Free text without control characters and characters that turn the direction of text.';
