-- capataz.utc_now() -> timestamp
--
-- The one clock of Capataz: the time of the transaction, in UTC, whatever the session's TimeZone (ADR 0004).
-- Every default and every write of a time uses it; tests move the clock by replacing it in the test database.
-- PL/pgSQL, not SQL: a SQL function is parsed and planned anew in every transaction at every place that calls it.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz.utc_now()
  returns timestamp
  language plpgsql
  stable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.timezone('UTC', pg_catalog.now());
end
$$;

comment on function capataz.utc_now() is
  'The time of the transaction in UTC; the one clock of Capataz.';
