set local lock_timeout = '10s';

drop table if exists capataz_ops.idempotency_keys cascade;
