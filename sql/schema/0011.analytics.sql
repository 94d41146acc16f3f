-- Analytics: aggregates by hour and day per module, robot type, step and error; forecasts (specification 4.2; ADR 0025).
-- depends: 0010.trends
set local role capataz_owner;

set local lock_timeout = '10s';

-- what analytics need to know of a robot, so that counting an attempt needs no look at it
alter table capataz.robot_execute
  add column due_at timestamp,
  add column estimated_minutes integer;

comment on column capataz.robot_execute.due_at is
  'When the robot was due for this attempt, UTC; null = begun before this column was there.';
comment on column capataz.robot_execute.estimated_minutes is
  'estimated_duration_minutes of its robot when the attempt began; null = nothing was estimated.';

alter table capataz_ops.module_settings
  add column sla_seconds double precision,
  add column target_wait_seconds double precision not null default 60;

comment on column capataz_ops.module_settings.sla_seconds is
  'A robot is to be done so many seconds after it is due; null = no promise.';
comment on column capataz_ops.module_settings.target_wait_seconds is
  'A due robot is to wait no longer than this on average: what capacity is planned for.';

-- sums per module, robot type and period ----------------------------------------------------------------------------

-- constants only: no rewrite
alter table capataz_ops.type_deltas
  add column failed_ms bigint,
  add column retried_count bigint,
  add column waited_count bigint,
  add column waited_ms bigint,
  add column estimated_count bigint,
  add column estimated_ms bigint,
  add column estimated_actual_ms bigint,
  add column cpu_ms bigint,
  add column memory_mb_ms numeric,
  add column disk_io_mb bigint,
  add column network_io_mb bigint,
  add column api_calls bigint,
  add column api_ms bigint;

comment on column capataz_ops.type_deltas.failed_ms is 'Milliseconds of FAILED executions.';
comment on column capataz_ops.type_deltas.retried_count is 'FAILED executions whose robot went on to another attempt.';
comment on column capataz_ops.type_deltas.waited_count is 'Ended executions that are known to have waited, or not.';
comment on column capataz_ops.type_deltas.waited_ms is 'Milliseconds from due to started, of those.';
comment on column capataz_ops.type_deltas.estimated_count is 'COMPLETED executions whose duration was estimated.';
comment on column capataz_ops.type_deltas.estimated_ms is 'What was estimated for them, milliseconds.';
comment on column capataz_ops.type_deltas.estimated_actual_ms is 'What they took, milliseconds.';
comment on column capataz_ops.type_deltas.cpu_ms is 'Milliseconds of a core: cpu_usage_percent x duration.';
comment on column capataz_ops.type_deltas.memory_mb_ms is 'memory_usage_mb x duration, MB x ms.';
comment on column capataz_ops.type_deltas.disk_io_mb is 'Disk I/O, MB.';
comment on column capataz_ops.type_deltas.network_io_mb is 'Network I/O, MB.';
comment on column capataz_ops.type_deltas.api_calls is 'Calls to external APIs.';
comment on column capataz_ops.type_deltas.api_ms is 'Milliseconds in external APIs.';

alter table capataz_ops.type_hours
  add column failed_ms bigint not null default 0,
  add column retried_count bigint not null default 0,
  add column waited_count bigint not null default 0,
  add column waited_ms bigint not null default 0,
  add column estimated_count bigint not null default 0,
  add column estimated_ms bigint not null default 0,
  add column estimated_actual_ms bigint not null default 0,
  add column cpu_ms bigint not null default 0,
  add column memory_mb_ms numeric not null default 0,
  add column disk_io_mb bigint not null default 0,
  add column network_io_mb bigint not null default 0,
  add column api_calls bigint not null default 0,
  add column api_ms bigint not null default 0;

comment on table capataz_ops.type_hours is
  'Executions ended per module, robot type and hour of completed_at, what they took and used, for a year (see type_deltas).';

create table capataz_ops.type_days (
  module_name varchar(100) not null,
  robot_type varchar(50) not null,
  day date not null,
  completed_count bigint not null,
  completed_ms bigint not null,
  failed_count bigint not null,
  failed_ms bigint not null default 0,
  retried_count bigint not null default 0,
  waited_count bigint not null default 0,
  waited_ms bigint not null default 0,
  estimated_count bigint not null default 0,
  estimated_ms bigint not null default 0,
  estimated_actual_ms bigint not null default 0,
  cpu_ms bigint not null default 0,
  memory_mb_ms numeric not null default 0,
  disk_io_mb bigint not null default 0,
  network_io_mb bigint not null default 0,
  api_calls bigint not null default 0,
  api_ms bigint not null default 0,

  constraint type_days_pkey primary key (module_name, day, robot_type)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

create index type_days_day_idx on capataz_ops.type_days (day);

comment on table capataz_ops.type_days is 'type_hours by day, for 400 days.';

insert into capataz_ops.type_days (module_name, robot_type, day, completed_count, completed_ms, failed_count)
select h.module_name, h.robot_type, h.hour::date, sum(h.completed_count), sum(h.completed_ms), sum(h.failed_count)
from capataz_ops.type_hours as h
group by h.module_name, h.robot_type, h.hour::date;

-- steps -------------------------------------------------------------------------------------------------------------

-- Append-only, beside execution_steps; fold_analytics moves them into days.
create table capataz_ops.step_deltas (
  module_name varchar(100) not null,
  hour timestamp not null,
  step_category capataz.step_category_enum not null,
  step_name varchar(100) not null,
  step_count bigint not null,
  total_ms bigint not null,
  max_ms bigint not null
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 1);

create index step_deltas_module_idx on capataz_ops.step_deltas (module_name);

comment on table capataz_ops.step_deltas is
  'Steps not yet folded: one row per statement, module, hour of the end of the step, category and name.';

-- a day in one row: reading a day or an hour of it costs the same
create table capataz_ops.step_days (
  module_name varchar(100) not null,
  day date not null,
  step_category capataz.step_category_enum not null,
  step_name varchar(100) not null,
  step_count bigint not null,
  total_ms bigint not null,
  max_ms bigint not null,
  hour_counts bigint[] not null,
  hour_ms bigint[] not null,

  constraint step_days_pkey primary key (module_name, day, step_category, step_name),
  constraint step_days_hours_check check (cardinality(hour_counts) = 24 and cardinality(hour_ms) = 24)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

create index step_days_day_idx on capataz_ops.step_days (day);

comment on table capataz_ops.step_days is
  'Time spent in steps per module, day, category and name, for 400 days; at most 200 names a module and day.';
comment on column capataz_ops.step_days.step_name is 'Name, or (other) for those past 200.';
comment on column capataz_ops.step_days.hour_counts is 'Steps that ended in each hour of the day, from 00:00 UTC.';
comment on column capataz_ops.step_days.hour_ms is 'Milliseconds of those.';

-- errors ------------------------------------------------------------------------------------------------------------

-- One row per FAILED execution (the rare path); the message leaves as a fingerprint at the next fold.
create table capataz_ops.error_deltas (
  module_name varchar(100) not null,
  hour timestamp not null,
  error_category varchar(50) not null,
  step_category capataz.step_category_enum,
  step_name varchar(100),
  error_message text,
  execute_id varchar(50) not null,
  sign smallint not null,

  constraint error_deltas_sign_check check (sign in (-1, 1))
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 1);

create index error_deltas_module_idx on capataz_ops.error_deltas (module_name);

comment on table capataz_ops.error_deltas is 'FAILED executions not yet folded; sign -1: one that is no longer there.';

create table capataz_ops.error_days (
  module_name varchar(100) not null,
  day date not null,
  error_category varchar(50) not null,
  step_category text not null,
  step_name varchar(100) not null,
  fingerprint text not null,
  error_count bigint not null,
  hour_counts bigint[] not null,
  last_execute_id varchar(50) not null,

  constraint error_days_pkey primary key (module_name, day, error_category, step_category, step_name, fingerprint),
  constraint error_days_hours_check check (cardinality(hour_counts) = 24)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

create index error_days_day_idx on capataz_ops.error_days (day);

comment on table capataz_ops.error_days is
  'FAILED executions per module, day, category, step and fingerprint of the message, for 400 days; at most 200 kinds a module and day.';
comment on column capataz_ops.error_days.step_category is 'Category of the step it failed in; empty = in none.';
comment on column capataz_ops.error_days.step_name is 'Step it failed in; empty = in none.';
comment on column capataz_ops.error_days.fingerprint is 'Of the message without what varies, 12 hexadecimal digits; (other) past 200.';
comment on column capataz_ops.error_days.hour_counts is 'Failures in each hour of the day, from 00:00 UTC.';
comment on column capataz_ops.error_days.last_execute_id is 'One of them: there its message can be read.';

-- forecasts ---------------------------------------------------------------------------------------------------------

create table capataz_ops.queue_forecasts (
  module_name varchar(100) not null,
  made_at timestamp not null,
  waiting bigint not null,
  forecast_seconds double precision,
  not_due bigint not null,
  in_flight bigint not null,
  busy double precision,
  arrivals_per_minute double precision not null,
  done_seconds double precision,
  late_count bigint not null,
  late_robot_ids text[] not null,
  basis text not null,
  is_estimate boolean not null,
  ended_at timestamp,
  actual_seconds double precision,

  constraint queue_forecasts_pkey primary key (module_name, made_at)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

create index queue_forecasts_open_idx on capataz_ops.queue_forecasts (module_name) where ended_at is null;

create index queue_forecasts_made_idx on capataz_ops.queue_forecasts (made_at);

comment on table capataz_ops.queue_forecasts is
  'When backlogs would be empty, as forecast, and when they were, for 90 days.';
comment on column capataz_ops.queue_forecasts.made_at is 'When it was made, UTC.';
comment on column capataz_ops.queue_forecasts.waiting is 'Due robots that waited then.';
comment on column capataz_ops.queue_forecasts.forecast_seconds is 'Seconds until the backlog would be empty; null = not at this rate.';
comment on column capataz_ops.queue_forecasts.ended_at is 'When it was compared, UTC; null = the backlog is not empty yet.';
comment on column capataz_ops.queue_forecasts.actual_seconds is 'Seconds until it was empty; null = it was not within the time that it was watched.';

insert into capataz_ops.walks (walk_name)
values ('fold_analytics'), ('store_forecasts');
