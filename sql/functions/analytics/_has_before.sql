-- capataz_ops._has_before(p_from, p_to) -> boolean
--
-- Whether a period can be compared with the one of the same length before it: that begins when there was a module already.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._has_before(p_from timestamp, p_to timestamp)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(p_from - (p_to - p_from) >= min(m.registered_at), false)
  from capataz.module_registry as m
$$;

comment on function capataz_ops._has_before(timestamp, timestamp) is
  'Whether there is a period before, to compare with.';
