-- capataz_ops._path_step(p_path, p_key) -> text
--
-- A JSON path with one key more. Only what reads as the name of a field stands in it: letters, digits and _, 41 at most, and
-- nothing that a detector finds. Any other key is *: keys of maps are values, and paths are shown to many.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._path_step(p_path text, p_key text)
  returns text
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_path || case
    when p_key collate "C" ~ '^[A-Za-z_]{1,41}$' then '.' || p_key
    when p_key collate "C" ~ '^[A-Za-z_][A-Za-z0-9_]{0,40}$' and (capataz_ops._redact(p_key)).kinds is null then '.' || p_key
    else '.*'
  end;
end
$$;

comment on function capataz_ops._path_step(text, text) is
  'A JSON path with one key more; what is no name of a field is *.';
