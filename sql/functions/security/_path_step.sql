-- capataz_ops._path_step(p_path, p_key) -> text
--
-- A JSON path with one key more. A key that is sensitive itself, or longer than 100 characters, is *: paths are shown to many.
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
    when length(p_key) > 100 then '.*'
    when p_key ~ '^[A-Za-z_][A-Za-z_]*$' then '.' || p_key
    when (capataz_ops._redact(p_key)).kinds is not null then '.*'
    when p_key ~ '^[A-Za-z_][A-Za-z0-9_]*$' then '.' || p_key
    else '.' || to_json(p_key)::text
  end;
end
$$;

comment on function capataz_ops._path_step(text, text) is
  'A JSON path with one key more; a sensitive key is *.';
