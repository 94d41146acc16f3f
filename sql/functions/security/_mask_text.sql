-- capataz_ops._mask_text(p_text) -> text
--
-- A text in which what the detectors find reads ***. Null stays null. Time grows with the length of the text.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_text(p_text text)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (capataz_ops._redact(p_text)).masked;
end
$$;

comment on function capataz_ops._mask_text(text) is 'A text without what the detectors of sensitive data find.';
