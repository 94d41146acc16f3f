-- capataz_ops._maybe_sensitive(p_data) -> boolean
--
-- Whether a detector could find sensitive data in a document: one cheap look at its text. False is certain, true is not.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._maybe_sensitive(p_data jsonb)
  returns boolean
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_data::text collate "C" ~ capataz_ops._sensitive_pattern();
end
$$;

comment on function capataz_ops._maybe_sensitive(jsonb) is
  'Whether a detector could find sensitive data in a document; false is certain.';
