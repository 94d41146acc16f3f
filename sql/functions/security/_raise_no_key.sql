-- capataz_ops._raise_no_key(p_key_id) -> never returns
--
-- Says that no API key has this id.
-- Locks: none. Writes: nothing. Raises: RB404.
create or replace function capataz_ops._raise_no_key(p_key_id text)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'RB404',
    message = format('no API key "%s"', left(p_key_id, 60)),
    detail = format('key_id is "%s".', left(p_key_id, 60)),
    hint = 'list_api_keys shows the ids: the part of a key between its two underscores.';
end
$$;

comment on function capataz_ops._raise_no_key(text) is 'Says that no API key has this id. RB404.';
