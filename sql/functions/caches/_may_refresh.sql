-- capataz_ops._may_refresh() -> boolean
--
-- Whether this transaction may store what a cache holds: it may write, and reads what others commit meanwhile. In REPEATABLE
-- READ and SERIALIZABLE a refresh by somebody else would end in 40001 (ADR 0018).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._may_refresh()
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select
    current_setting('transaction_read_only') = 'off'
    and current_setting('transaction_isolation') in ('read committed', 'read uncommitted')
$$;

comment on function capataz_ops._may_refresh() is 'Whether this transaction may store what a cache holds.';
