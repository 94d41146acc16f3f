-- capataz_ops._clean_text(p_text) -> text
--
-- Free text without what could harm a log or a terminal (specification 5.1: sanitisation): control characters but line feed
-- and tab, separators of lines and paragraphs, marks that turn the direction of writing. Null stays null.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._clean_text(p_text text)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return regexp_replace(
    p_text, e'[\\u0001-\\u0008\\u000B-\\u001F\\u007F-\\u009F\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069]', '', 'g'
  );
end
$$;

comment on function capataz_ops._clean_text(text) is 'Free text without control characters.';
