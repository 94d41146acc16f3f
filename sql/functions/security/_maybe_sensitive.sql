-- capataz_ops._maybe_sensitive(p_text) -> boolean
--
-- Whether a detector could find sensitive data in a text, or in the text of a JSON value: one cheap look (_sensitive_pattern).
-- False is certain, true is not; null: no.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._maybe_sensitive(p_text text)
  returns boolean
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_text collate "C" ~ capataz_ops._sensitive_pattern(), false);
end
$$;

comment on function capataz_ops._maybe_sensitive(text) is
  'Whether a detector could find sensitive data in a text; false is certain.';
