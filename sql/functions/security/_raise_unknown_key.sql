-- capataz_ops._raise_unknown_key() -> never returns
--
-- Says that a key is not accepted: the same words whether it is unknown, expired, revoked or no key at all.
-- Locks: none. Writes: nothing. Raises: RB401.
create or replace function capataz_ops._raise_unknown_key()
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'RB401',
    message = 'the API key is not valid',
    detail = format('What %s gave is missing, unknown, expired or revoked.', capataz_ops._caller()),
    hint = 'Give a valid key; an admin issues one with issue_api_key.';
end
$$;

comment on function capataz_ops._raise_unknown_key() is 'Says that an API key is not accepted. RB401.';
