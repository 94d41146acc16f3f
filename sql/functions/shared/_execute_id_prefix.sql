-- capataz_ops._execute_id_prefix() -> text
--
-- First 15 characters of a time-ordered UUID (version 7): the caller appends substr(gen_random_uuid()::text, 16).
-- Time-ordered ids keep the primary key's inserts on few pages.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._execute_id_prefix()
  returns text
  language plpgsql
  volatile
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hex constant text := lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0');
begin
  return substr(v_hex, 1, 8) || '-' || substr(v_hex, 9, 4) || '-7';
end
$$;

comment on function capataz_ops._execute_id_prefix() is
  'Leading part of a UUID version 7 for the present moment.';
