-- capataz_ops._mask_text(p_text) -> text
--
-- Free text as who may not see sensitive data sees it: e-mail addresses, payment cards and national ids are ***.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_text(p_text text)
  returns text
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (capataz_ops._redact(p_text)).masked;
end
$$;

comment on function capataz_ops._mask_text(text) is
  'Free text with *** in place of e-mail addresses, payment cards and national ids.';
