-- Answers of the gateway's requests that carry an Idempotency-Key (specification 5.1; ADR 0023).
-- depends: 0008.security
set local role capataz_owner;

set local lock_timeout = '10s';

create table capataz_ops.idempotency_keys (
  key_id text not null,
  idempotency_key text not null,
  function_name text not null,
  request_sha256 text not null,
  response text,
  created_at timestamp not null default capataz.utc_now(),

  constraint idempotency_keys_pkey primary key (key_id, idempotency_key),
  constraint idempotency_keys_key_id_fkey
    foreign key (key_id) references capataz_ops.api_keys (key_id) on update cascade on delete cascade
) with (autovacuum_vacuum_scale_factor = 0.02);

create index idempotency_keys_created_idx on capataz_ops.idempotency_keys (created_at);

comment on table capataz_ops.idempotency_keys is 'Requests with an Idempotency-Key and their answers, for 24 hours.';
comment on column capataz_ops.idempotency_keys.key_id is 'API key that sent the request.';
comment on column capataz_ops.idempotency_keys.idempotency_key is 'Its name for the request.';
comment on column capataz_ops.idempotency_keys.function_name is 'Function that it called.';
comment on column capataz_ops.idempotency_keys.request_sha256 is 'SHA-256 of the arguments, hexadecimal.';
comment on column capataz_ops.idempotency_keys.response is 'The answer, as it was sent; null = none was given.';
comment on column capataz_ops.idempotency_keys.created_at is 'When it came first, UTC.';
