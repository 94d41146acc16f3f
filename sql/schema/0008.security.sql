-- Security: isolation of modules, API keys, rate limits, sensitive data (specification 5.1; ADR 0019 to 0022).
-- depends: 0007.module-health
set local role capataz_owner;

set local lock_timeout = '10s';

-- Readers who may not see registration_data see the limit all the same. Only a number: what else is there is refused by the
-- trigger _500_settings with a clear message, which runs after this is computed.
alter table capataz.module_registry
  -- a row per module: to rewrite it is nothing
  -- squawk-ignore adding-field-with-default
  add column max_concurrency numeric generated always as (
    case
      when jsonb_typeof(registration_data -> 'max_concurrency') = 'number'
        then (registration_data ->> 'max_concurrency')::numeric
    end
  ) stored;

comment on column capataz.module_registry.max_concurrency is
  'Robots that may run at once, from registration_data; null = no limit.';

alter table capataz.robots
  add column compliance_context jsonb;

comment on column capataz.robots.compliance_context is
  'Where sensitive data was found: {"sensitive_data": [{"where", "path", "kind"}]}, never values; null = none found.';

alter table capataz_ops.module_settings
  add column sensitive_paths text[],
  add column input_schemas jsonb,
  add column rate_per_second double precision,
  add column rate_burst double precision;

comment on column capataz_ops.module_settings.sensitive_paths is 'JSON paths whose values are sensitive; null = none.';
comment on column capataz_ops.module_settings.input_schemas is 'JSON Schema of input_data per robot type; null = none.';
comment on column capataz_ops.module_settings.rate_per_second is 'Tokens a second of take_rate_token; null = no limit.';
comment on column capataz_ops.module_settings.rate_burst is 'Tokens that may be taken at once.';

-- Which roles may reach which modules (ADR 0019)
create table capataz_ops.module_grants (
  role_name text not null,
  module_name varchar(100) not null,
  granted_at timestamp not null default capataz.utc_now(),
  granted_by text not null,

  constraint module_grants_pkey primary key (role_name, module_name),
  constraint module_grants_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
);

create index module_grants_module_idx on capataz_ops.module_grants (module_name);

comment on table capataz_ops.module_grants is 'Modules that a role, and whoever is a member of it, may reach.';
comment on column capataz_ops.module_grants.role_name is 'Role of this cluster, by name.';
comment on column capataz_ops.module_grants.module_name is 'Module it may reach.';
comment on column capataz_ops.module_grants.granted_at is 'When, UTC.';
comment on column capataz_ops.module_grants.granted_by is 'Role that granted it.';

create table capataz_ops.tied_roles (
  role_name text not null,
  role_oid oid not null,

  constraint tied_roles_pkey primary key (role_name)
);

comment on table capataz_ops.tied_roles is
  'Roles that were ever granted a module: they reach nothing but what is granted now, also once that is nothing.';
comment on column capataz_ops.tied_roles.role_name is 'Role of this cluster, by name.';
comment on column capataz_ops.tied_roles.role_oid is 'The same by oid: a role that is renamed stays tied.';

-- Keys of registration_data.api_keys, typed, for look-ups by id (ADR 0020)
create table capataz_ops.api_keys (
  key_id text not null,
  module_name varchar(100) not null,
  label text not null,
  key_hash text not null,
  scopes text[] not null,
  created_at timestamp not null,
  expires_at timestamp,
  revoked_at timestamp,

  constraint api_keys_pkey primary key (key_id),
  constraint api_keys_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
);

create index api_keys_module_idx on capataz_ops.api_keys (module_name);

comment on table capataz_ops.api_keys is 'API keys, from registration_data.api_keys: hashes and scopes, never the key.';
comment on column capataz_ops.api_keys.key_id is 'Public part of the key: cpz_<key_id>_<secret>.';
comment on column capataz_ops.api_keys.module_name is 'Module the key reaches.';
comment on column capataz_ops.api_keys.label is 'What it is for.';
comment on column capataz_ops.api_keys.key_hash is 'SHA-256 of the whole key, hexadecimal.';
comment on column capataz_ops.api_keys.scopes is 'Of submit, work, read, admin.';
comment on column capataz_ops.api_keys.created_at is 'When it was issued, UTC.';
comment on column capataz_ops.api_keys.expires_at is 'From then on it is refused, UTC; null = never.';
comment on column capataz_ops.api_keys.revoked_at is 'When it was revoked, UTC; null = it was not.';

create table capataz_ops.api_key_uses (
  key_id text not null,
  last_used_at timestamp not null,

  constraint api_key_uses_pkey primary key (key_id),
  constraint api_key_uses_key_id_fkey
    foreign key (key_id) references capataz_ops.api_keys (key_id) on update cascade on delete cascade
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

comment on table capataz_ops.api_key_uses is 'Last use of each API key, to the minute.';
comment on column capataz_ops.api_key_uses.key_id is 'Key.';
comment on column capataz_ops.api_key_uses.last_used_at is 'Minute of its last use, UTC; -infinity = never.';

-- Token buckets (ADR 0021). Unlogged: taking a token waits for no disk, and a bucket lost in a crash is full again.
create unlogged table capataz_ops.rate_buckets (
  module_name varchar(100) not null,
  tokens double precision not null,
  refilled_at timestamp not null,

  constraint rate_buckets_pkey primary key (module_name),
  constraint rate_buckets_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

comment on table capataz_ops.rate_buckets is 'Token bucket of each module that has a rate limit.';
comment on column capataz_ops.rate_buckets.module_name is 'Module.';
comment on column capataz_ops.rate_buckets.tokens is 'Tokens that were left at refilled_at.';
comment on column capataz_ops.rate_buckets.refilled_at is 'When they were counted, UTC.';

-- What keeps a first max_concurrency and claims under way apart (ADR 0007): rows that nobody outside can lock
create table capataz_ops.limit_guards (
  module_name varchar(100) not null,
  slot integer not null,
  is_limited boolean not null,

  constraint limit_guards_pkey primary key (module_name, slot),
  constraint limit_guards_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

comment on table capataz_ops.limit_guards is
  'Whether a module has a limit, in 33 rows: a claim that saw none locks one of 32, whoever sets one locks all.';
comment on column capataz_ops.limit_guards.module_name is 'Module.';
comment on column capataz_ops.limit_guards.slot is '1 to 32: by backend; 0: whoever changes the limit comes here first.';
comment on column capataz_ops.limit_guards.is_limited is 'The module has a max_concurrency.';

insert into capataz_ops.limit_guards (module_name, slot, is_limited)
select s.module_name, g.slot, s.max_concurrency is not null
from capataz_ops.module_settings as s
cross join generate_series(0, 32) as g (slot);

-- Policies need the function before the replaceable functions exist; sql/functions/security/my_modules.sql documents it.
create or replace function capataz.my_modules()
  returns text[]
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select '{}'::text[]
$$;

comment on function capataz.my_modules() is 'Names of the modules that the caller may reach.';

-- Row level security guards direct reads; functions run as the owner and check the caller themselves (ADR 0019).
-- The array comes from a sub-select: it is computed once a statement, and leaves index scans what they are.
-- What binds workers and the gateway is restrictive: a role that is a viewer besides has the columns of workers, and
-- would else have them of every row.
alter table capataz.module_registry enable row level security;

alter table capataz.robots enable row level security;

alter table capataz.robot_execute enable row level security;

create policy module_registry_read_all on capataz.module_registry
  for select
  to capataz_viewer, capataz_worker, capataz_operator, capataz_admin
  using (true);

create policy module_registry_read_own on capataz.module_registry
  as restrictive
  for select
  to capataz_worker
  using (module_name = any ((select capataz.my_modules())::text[]));

create policy module_registry_read_by_key on capataz.module_registry
  as restrictive
  for select
  to capataz_gateway
  using (false);

create policy robots_read_all on capataz.robots
  for select
  to capataz_viewer, capataz_worker, capataz_operator, capataz_admin
  using (true);

create policy robots_read_own on capataz.robots
  as restrictive
  for select
  to capataz_worker
  using (module_name = any ((select capataz.my_modules())::text[]));

create policy robots_read_by_key on capataz.robots
  as restrictive
  for select
  to capataz_gateway
  using (false);

create policy robot_execute_read_all on capataz.robot_execute
  for select
  to capataz_viewer, capataz_worker, capataz_operator, capataz_admin
  using (true);

create policy robot_execute_read_own on capataz.robot_execute
  as restrictive
  for select
  to capataz_worker
  using (module_name = any ((select capataz.my_modules())::text[]));

create policy robot_execute_read_by_key on capataz.robot_execute
  as restrictive
  for select
  to capataz_gateway
  using (false);
