-- capataz_ops._caller_name() -> text
--
-- Who calls, for messages and records: the API key that was accepted in this transaction, else the role.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._caller_name()
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller constant text := capataz_ops._caller();
  v_key_id constant text := substring(current_setting('capataz.principal', true) from '^([0-9a-f]{16}):');
begin
  if v_key_id is not null
     and current_setting('is_superuser') <> 'on'
     and capataz_ops._is_gateway(v_caller::name)
  then
    return 'key ' || v_key_id;
  end if;
  return v_caller;
end
$$;

comment on function capataz_ops._caller_name() is 'Who calls: an API key or a role.';
