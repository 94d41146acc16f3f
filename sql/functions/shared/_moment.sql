-- capataz_ops._moment() -> timestamp
--
-- The present moment in UTC: utc_now() is the time of the transaction, this goes on within it (ADR 0004). It follows where
-- tests move utc_now().
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._moment()
  returns timestamp
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return capataz.utc_now() + (clock_timestamp() - transaction_timestamp());
end
$$;

comment on function capataz_ops._moment() is 'The present moment in UTC, also within a transaction.';
