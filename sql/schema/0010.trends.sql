-- Jobs, trends, error rates per type (specification 5.2; ADR 0024).
-- depends: 0009.gateway
set local role capataz_owner;

set local lock_timeout = '10s';

-- the execution keeps the type of its robot, so that counting it needs no look at the robot
alter table capataz.robot_execute
  add column robot_type varchar(50);

comment on column capataz.robot_execute.robot_type is
  'Type of the robot at the time of the attempt; null = begun before this column was there.';

alter table capataz_ops.module_settings
  add column retention_days integer;

comment on column capataz_ops.module_settings.retention_days is
  'Ended robots are removed so many days after their end; null = never.';

-- jobs ---------------------------------------------------------------------------------------------------------------

alter table capataz_ops.jobs
  add column job_owner text not null default 'capataz_owner',
  add column next_due_at timestamp,
  add column missed_count bigint not null default 0,
  add column gap_from timestamp,
  add column gap_until timestamp;

comment on table capataz_ops.jobs is 'Catalogue of scheduled jobs and the last run of each, whoever ran it.';
comment on column capataz_ops.jobs.schedule is 'When it is due: five fields of cron, UTC.';
comment on column capataz_ops.jobs.every_seconds is 'Usual time between two runs, seconds.';
comment on column capataz_ops.jobs.timeout_seconds is 'It is stopped after so long.';
comment on column capataz_ops.jobs.job_owner is 'Role that deployed it; under pg_cron it runs as this role.';
comment on column capataz_ops.jobs.next_due_at is 'When it is due next, UTC; null = now.';
comment on column capataz_ops.jobs.missed_count is 'Times it was due and nobody ran it.';
comment on column capataz_ops.jobs.gap_from is 'Last run before the latest gap, UTC; null = there was none.';
comment on column capataz_ops.jobs.gap_until is 'First run after the latest gap, UTC.';

-- schedules and time limits are parameters of a later version: that one is in sql/functions/operations
-- squawk-ignore ban-drop-function
drop function if exists capataz_ops._define_job(text, text, integer, text);

-- One ticker is active at a time; a row, not a session lock: it works through a pooler (ADR 0024).
create table capataz_ops.tickers (
  lease_name text not null,
  ticker_id text not null,
  acquired_at timestamp not null,
  heartbeat_at timestamp not null,

  constraint tickers_pkey primary key (lease_name)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 100);

comment on table capataz_ops.tickers is 'Who runs the jobs where there is no pg_cron: at most one row.';
comment on column capataz_ops.tickers.lease_name is 'Always ''jobs''.';
comment on column capataz_ops.tickers.ticker_id is 'The active ticker.';
comment on column capataz_ops.tickers.acquired_at is 'Since when it is, UTC.';
comment on column capataz_ops.tickers.heartbeat_at is 'When it was last heard of, UTC.';

-- error rate and throughput per type ---------------------------------------------------------------------------------

-- Append-only, beside module_deltas; the fold moves them into minutes and hours.
create table capataz_ops.type_deltas (
  module_name varchar(100) not null,
  robot_type varchar(50) not null,
  minute timestamp not null,
  completed_count bigint not null,
  completed_ms bigint not null,
  failed_count bigint not null
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 1);

create index type_deltas_module_idx on capataz_ops.type_deltas (module_name);

comment on table capataz_ops.type_deltas is
  'Ended executions not yet folded: one row per statement, module, robot type and minute.';

create table capataz_ops.type_minutes (
  module_name varchar(100) not null,
  robot_type varchar(50) not null,
  minute timestamp not null,
  completed_count bigint not null,
  completed_ms bigint not null,
  failed_count bigint not null,

  constraint type_minutes_pkey primary key (module_name, minute, robot_type)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

comment on table capataz_ops.type_minutes is
  'Executions ended per module, robot type and minute of completed_at, for 48 hours.';

create table capataz_ops.type_hours (
  module_name varchar(100) not null,
  robot_type varchar(50) not null,
  hour timestamp not null,
  completed_count bigint not null,
  completed_ms bigint not null,
  failed_count bigint not null,

  constraint type_hours_pkey primary key (module_name, hour, robot_type)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

create index type_hours_hour_idx on capataz_ops.type_hours (hour);

comment on table capataz_ops.type_hours is
  'Executions ended per module, robot type and hour of completed_at, for a year.';

-- trends -------------------------------------------------------------------------------------------------------------

-- Partitions are made by the sampler, a day each (a month for hours), and dropped whole: that is instant (ADR 0024).
-- The row of module '' is the sum over all modules; a module without a row in a minute that has one was idle.
create table capataz_ops.module_trends (
  module_name varchar(100) not null,
  sampled_at timestamp not null,
  pending integer[] not null,
  retrying integer[] not null,
  not_due integer not null,
  in_flight integer not null,
  capacity integer,
  oldest_due_seconds integer,
  cpu_percent numeric not null,
  memory_mb bigint not null,
  disk_io_mb bigint not null,
  network_io_mb bigint not null,
  is_estimate boolean not null,

  constraint module_trends_pkey primary key (module_name, sampled_at)
) partition by range (sampled_at);

comment on table capataz_ops.module_trends is 'Queue and resources of each module, a sample a minute, for 30 days.';
comment on column capataz_ops.module_trends.module_name is 'Module; empty: all of them.';
comment on column capataz_ops.module_trends.pending is 'PENDING robots by priority: LOW, NORMAL, HIGH, CRITICAL.';
comment on column capataz_ops.module_trends.retrying is 'RETRYING robots by priority: LOW, NORMAL, HIGH, CRITICAL.';
comment on column capataz_ops.module_trends.not_due is 'Of both, robots that are not due yet.';
comment on column capataz_ops.module_trends.in_flight is 'Active executions.';
comment on column capataz_ops.module_trends.capacity is 'max_concurrency; null = no limit.';
comment on column capataz_ops.module_trends.oldest_due_seconds is 'How long the oldest due robot has waited; null = none is due.';
comment on column capataz_ops.module_trends.cpu_percent is 'Sum over active executions; 100 = one core.';
comment on column capataz_ops.module_trends.memory_mb is 'Sum over active executions.';
comment on column capataz_ops.module_trends.disk_io_mb is 'Sum of what active executions have read and written so far.';
comment on column capataz_ops.module_trends.network_io_mb is 'Sum of what active executions have sent and received so far.';
comment on column capataz_ops.module_trends.is_estimate is 'The queue is so deep that it is counted less often: counts are some minutes old.';

create table capataz_ops.module_trend_hours (
  module_name varchar(100) not null,
  hour timestamp not null,
  sample_count integer not null,
  pending double precision[] not null,
  retrying double precision[] not null,
  not_due double precision not null,
  waiting_max integer not null,
  in_flight double precision not null,
  in_flight_max integer not null,
  capacity integer,
  oldest_due_seconds integer,
  cpu_percent double precision not null,
  memory_mb double precision not null,
  disk_io_mb double precision not null,
  network_io_mb double precision not null,
  is_estimate boolean not null,

  -- the most that ran at once in a month is read for each module: from the index alone
  constraint module_trend_hours_pkey primary key (module_name, hour) include (in_flight_max)
) partition by range (hour);

comment on table capataz_ops.module_trend_hours is
  'Means (and maxima) of module_trends by hour, for a year; sample_count: minutes of the hour that were sampled.';

create table capataz_ops.fleet_trends (
  sampled_at timestamp not null,
  blocks_hit bigint,
  blocks_read bigint,
  cache_hit_percent numeric(5, 2),
  database_bytes bigint,
  dead_robots bigint,
  dead_executions bigint,
  dead_modules bigint,
  oldest_snapshot_seconds bigint,
  replication_lag_seconds double precision,
  replication_lag_bytes bigint,
  archive_lag_seconds bigint,
  sample_ms double precision not null,

  constraint fleet_trends_pkey primary key (sampled_at)
);

comment on table capataz_ops.fleet_trends is 'Figures of the database, a sample a minute, for 30 days.';
comment on column capataz_ops.fleet_trends.cache_hit_percent is
  'Blocks found in shared buffers since the sample before, percent; null = nothing was read, or statistics were reset.';
comment on column capataz_ops.fleet_trends.oldest_snapshot_seconds is
  'Age of the oldest transaction that holds a snapshot; null = none, or not visible.';
comment on column capataz_ops.fleet_trends.archive_lag_seconds is 'Seconds since WAL was last archived, 0 where none waits for it; null = no archiving.';

create table capataz_ops.fleet_trend_hours (
  hour timestamp not null,
  sample_count integer not null,
  cache_hit_percent numeric(5, 2),
  database_bytes bigint,
  dead_robots bigint,
  dead_executions bigint,
  dead_modules bigint,
  oldest_snapshot_seconds bigint,
  replication_lag_seconds double precision,
  replication_lag_bytes bigint,
  archive_lag_seconds bigint,
  sample_ms double precision,

  constraint fleet_trend_hours_pkey primary key (hour)
);

comment on table capataz_ops.fleet_trend_hours is
  'fleet_trends by hour, for a year: means of the cache, the size and sample_ms, maxima of the rest.';

-- Queues too deep to be counted every minute: when they may be counted again, and what was counted (ADR 0024)
create table capataz_ops.queue_counts (
  module_name varchar(100) not null,
  counted_at timestamp not null,
  next_count_at timestamp not null,
  cost_ms double precision not null,
  pending integer[] not null,
  retrying integer[] not null,
  not_due integer not null,

  constraint queue_counts_pkey primary key (module_name),
  constraint queue_counts_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 100);

comment on table capataz_ops.queue_counts is 'Last count of queues that are too deep to be counted every minute.';

-- consistency and purge ----------------------------------------------------------------------------------------------

create table capataz_ops.findings (
  check_name text not null,
  subject text not null,
  detail text not null,
  first_seen_at timestamp not null default capataz.utc_now(),
  last_seen_at timestamp not null default capataz.utc_now(),

  constraint findings_pkey primary key (check_name, subject)
);

comment on table capataz_ops.findings is 'What validate_consistency found broken and has not seen mended.';

create table capataz_ops.walks (
  walk_name text not null,
  position text,
  started_at timestamp,
  ended_at timestamp,
  row_count bigint not null default 0,
  defined_at timestamp not null default capataz.utc_now(),

  constraint walks_pkey primary key (walk_name)
) with (fillfactor = 50);

comment on table capataz_ops.walks is 'How far the jobs are that go through big tables a piece at a time.';
comment on column capataz_ops.walks.position is 'Where to go on; null = from the start.';
comment on column capataz_ops.walks.started_at is 'When the round under way, or the last one, began, UTC.';
comment on column capataz_ops.walks.ended_at is 'When the last round ended, UTC; null = one is under way.';
comment on column capataz_ops.walks.row_count is 'Rows of the round under way, or of the last one.';
comment on column capataz_ops.walks.defined_at is 'When this table was made: executions are counted per robot type since then, UTC.';

insert into capataz_ops.walks (walk_name)
values ('validate_consistency'), ('purge_history');
