-- capataz_ops._robot_id_prefix(p_robot_type, p_now) -> text
--
-- Start of a generated robot_id, {prefix}_{timestamp}_ (specification 3.2): up to 20 letters and digits of the type, and
-- the time in UTC to the millisecond, 17 digits. The caller appends the next number of robots_seq.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._robot_id_prefix(p_robot_type text, p_now timestamp)
  returns text
  language plpgsql
  stable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(nullif(left(regexp_replace(lower(p_robot_type), '[^a-z0-9]', '', 'g'), 20), ''), 'robot')
    || '_' || to_char(p_now, 'YYYYMMDDHH24MISSMS') || '_';
end
$$;

comment on function capataz_ops._robot_id_prefix(text, timestamp) is
  'Start of a generated robot_id: prefix of the type and time in UTC.';
