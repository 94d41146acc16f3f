-- Modules that look after themselves: health, circuit breaker, scoring, caches (specification 3.1, 4.1, 4.3, 5.2).
-- depends: 0006.derived-state
set local role capataz_owner;

set local lock_timeout = '10s';

alter table capataz_ops.module_settings
  add column health_check_interval_seconds double precision not null default 60,
  add column health_failure_threshold integer not null default 3,
  add column min_success_rate double precision not null default 90,
  add column max_response_time_ms integer not null default 5000,
  add column breaker_cooldown_seconds double precision not null default 30,
  add column breaker_factor double precision not null default 2,
  add column breaker_max_seconds double precision not null default 900;

alter table capataz_ops.module_state
  -- squawk-ignore ban-drop-column
  drop column probe_execute_id,
  add column opened_by text,
  add column cooldown_seconds double precision,
  add column lengthened_for varchar(50),
  add column probe_after timestamp,
  add column failed_checks integer not null default 0,
  add column last_response_time_ms integer,
  add column recovered_at timestamp not null default '-infinity',
  add column last_scored_at timestamp,
  add column score_samples bigint,
  -- one row per module: the scan is nothing
  -- squawk-ignore constraint-missing-not-valid
  add constraint module_state_opened_by_check check (opened_by in ('work', 'checks', 'hand')),
  -- squawk-ignore constraint-missing-not-valid
  add constraint module_state_failed_checks_check check (failed_checks >= 0);

comment on table capataz_ops.module_state is
  'Exact totals of a module (count, milliseconds), when its row was last written, its failed checks, circuit breaker and scoring.';
comment on column capataz_ops.module_state.opened_by is
  'What opened the circuit breaker: failing work, failed health checks, or somebody by hand; null = closed.';
comment on column capataz_ops.module_state.cooldown_seconds is
  'Current cool-down between probes; longer after each failed one; null = closed.';
comment on column capataz_ops.module_state.lengthened_for is 'The failed probe that last made the cool-down longer.';
comment on column capataz_ops.module_state.probe_after is 'Before this time an UNHEALTHY module gets no probe, UTC.';
comment on column capataz_ops.module_state.failed_checks is 'Failed health checks in a row.';
comment on column capataz_ops.module_state.last_response_time_ms is 'Response time of the last check, milliseconds; null = not told.';
comment on column capataz_ops.module_state.recovered_at is 'When the circuit breaker last closed, UTC.';
comment on column capataz_ops.module_state.last_scored_at is 'When the scoring last had enough samples, UTC.';
comment on column capataz_ops.module_state.score_samples is 'Ended executions of 24 h at the last scoring.';

-- constants only: no rewrite
alter table capataz_ops.module_deltas
  add column retried_count bigint not null default 0,
  add column durations integer[],
  add column efficiencies smallint[];

comment on column capataz_ops.module_deltas.durations is
  'Milliseconds of each execution COMPLETED, for the histograms; ~x: one of x less.';
comment on column capataz_ops.module_deltas.efficiencies is
  'efficiency_score in hundredths of each execution COMPLETED, for the histograms; ~x: one of x less.';

alter table capataz_ops.module_minutes
  add column retried_count bigint not null default 0,
  add column good_checks bigint not null default 0,
  add column failed_checks bigint not null default 0;

comment on column capataz_ops.module_minutes.retried_count is 'FAILED executions whose robot went on to another attempt.';
comment on column capataz_ops.module_minutes.good_checks is 'Good health checks of the minute.';
comment on column capataz_ops.module_minutes.failed_checks is 'Failed health checks of the minute.';

-- A row of its own: a claim holds it until its transaction ends, and nothing that ends executions waits for it (ADR 0016)
create table capataz_ops.module_probes (
  module_name varchar(100) not null,
  probe_execute_id varchar(50),
  is_wanted boolean not null default false,

  constraint module_probes_pkey primary key (module_name),
  constraint module_probes_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 100);

comment on table capataz_ops.module_probes is 'The last probe of each circuit breaker, and whether the router owes it one.';
comment on column capataz_ops.module_probes.is_wanted is
  'The module has a live worker and nothing to be probed with: the next robot of its type is routed to it.';

insert into capataz_ops.module_probes (module_name)
select m.module_name
from capataz.module_registry as m;

create table capataz_ops.health_checks (
  check_id bigint generated always as identity,
  module_name varchar(100) not null,
  checked_at timestamp not null default capataz.utc_now(),
  is_healthy boolean not null,
  response_time_ms integer,
  error_message text,

  constraint health_checks_pkey primary key (check_id),
  constraint health_checks_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade,
  constraint health_checks_response_time_ms_check check (response_time_ms >= 0)
);

create index health_checks_module_idx on capataz_ops.health_checks (module_name, checked_at);

comment on table capataz_ops.health_checks is 'Results of health checks, kept for 48 hours.';

create table capataz_ops.health_changes (
  change_id bigint generated always as identity,
  module_name varchar(100) not null,
  changed_at timestamp not null default capataz.utc_now(),
  from_status capataz.module_health_enum,
  to_status capataz.module_health_enum,
  reason text not null,

  constraint health_changes_pkey primary key (change_id),
  constraint health_changes_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
);

create index health_changes_module_idx on capataz_ops.health_changes (module_name, changed_at);

comment on table capataz_ops.health_changes is 'History of the health of modules: when, from what, to what, why.';

-- Mergeable histograms: percentiles without a sort over history (ADR 0017). Bucket 0 holds zero, bucket n what lies above
-- 1.1^(n-1) up to 1.1^n: within 5 % of the true value.
create table capataz_ops.module_histograms (
  module_name varchar(100) not null,
  measure text not null,
  period text not null,
  period_start timestamp not null,
  bucket smallint not null,
  bucket_count bigint not null,

  constraint module_histograms_pkey primary key (module_name, measure, period, period_start, bucket),
  constraint module_histograms_measure_check check (measure in ('duration', 'efficiency')),
  constraint module_histograms_period_check check (period in ('hour', 'day'))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

comment on table capataz_ops.module_histograms is
  'Histograms of durations (ms) and efficiency (hundredths) of COMPLETED executions: hours for 48 h, then days for 8 days.';

-- Caches (specification 4.3, ADR 0018): one value each. Who changes what a cache shows adds a row to cache_invalidations in
-- his transaction, which locks nothing; a refresh removes the rows it can see before it computes the value.
create table capataz_ops.caches (
  cache_name text not null,
  ttl_seconds integer not null,
  value json,
  refreshed_at timestamp,
  fresh_until timestamp,
  oldest_xact_id xid8 not null default '0',
  refresh_count bigint not null default 0,
  refresh_ms double precision,

  constraint caches_pkey primary key (cache_name),
  constraint caches_ttl_seconds_check check (ttl_seconds > 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 50);

comment on table capataz_ops.caches is 'Cached values, when they were computed and for how long they may be used.';
comment on column capataz_ops.caches.oldest_xact_id is
  'The oldest transaction under way when the value was computed: invalidations of earlier ones are gone, look no further back.';

insert into capataz_ops.caches (cache_name, ttl_seconds)
values ('active_modules', 300), ('routing_table', 60), ('performance_scoreboard', 600), ('system_health', 30);

create table capataz_ops.cache_invalidations (
  cache_name text not null,
  xact_id xid8 not null default pg_current_xact_id(),
  invalidation_id bigint generated always as identity,

  constraint cache_invalidations_pkey primary key (cache_name, xact_id, invalidation_id)
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 100);

comment on table capataz_ops.cache_invalidations is
  'What was changed under a cache since its value was computed: a visible row makes the value stale.';

create table capataz_ops.cache_counters (
  cache_name text not null,
  backend_pid integer not null,
  hits bigint not null default 0,
  misses bigint not null default 0,

  constraint cache_counters_pkey primary key (cache_name, backend_pid)
) with (fillfactor = 50);

comment on table capataz_ops.cache_counters is
  'Hits and misses of each session, written now and then by that session alone; pid 0: of sessions that have ended.';

create table capataz_ops.routes (
  robot_type varchar(50) not null,
  module_names text[] not null,
  shares double precision[] not null,
  probed_module text,

  constraint routes_pkey primary key (robot_type)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 100);

comment on table capataz_ops.routes is
  'Routing table: per robot type the modules able to take it and their cumulative shares, the last one 1.0.';

-- Unlogged: to route is no write. A session takes 40 numbers at once; where each session routes once only, every 40th is
-- used, and multiples of 40 x the golden ratio spread as evenly (its continued fraction is 0; 1, 2, 1, 1, 2, 3 ...).
create unlogged sequence capataz_ops.routing_seq maxvalue 1000000000 cycle cache 40;

comment on sequence capataz_ops.routing_seq is 'Numbers the choices of the router, so that they spread evenly over all sessions.';
