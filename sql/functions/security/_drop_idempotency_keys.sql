-- capataz_ops._drop_idempotency_keys() -> void
--
-- Drops answers that are older than 24 hours, at most 100,000 at once; part of the minute job fold_counters (ADR 0023).
-- Locks: idempotency_keys rows (skip locked). Writes: idempotency_keys. Raises: nothing.
create or replace function capataz_ops._drop_idempotency_keys()
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  delete from capataz_ops.idempotency_keys as i
  where i.ctid = any (array(
    select o.ctid
    from capataz_ops.idempotency_keys as o
    where o.created_at <= capataz.utc_now() - interval '24 hours'
    order by o.created_at
    limit 100000
    for update skip locked
  ))
$$;

comment on function capataz_ops._drop_idempotency_keys() is 'Drops answers to idempotent requests that are older than 24 hours.';
