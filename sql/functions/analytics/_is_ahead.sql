-- capataz_ops._is_ahead(p_time) -> boolean
--
-- Whether a time that was written down lies ahead of the clock by more than a minute, which sessions may differ: a clock that was
-- set back since wrote it. A report that was built then counts as none, its period may not have been over (ADR 0027).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._is_ahead(p_time timestamp)
  returns boolean
  language sql
  stable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_time > capataz.utc_now() + interval '1 minute'
$$;

comment on function capataz_ops._is_ahead(timestamp) is 'Whether a clock that was set back since wrote a time down.';
