-- Derived state and internals (schema capataz_ops): counters, permits, workers, steps, jobs, deployments.
-- depends: 0005.robot-execute
set local role capataz_owner;

set local lock_timeout = '10s';

-- registration_data, checked and typed once, so that the hot path parses no JSON
create table capataz_ops.module_settings (
  module_name varchar(100) not null,
  max_concurrency integer,
  failure_threshold integer not null,
  retry_base_seconds double precision not null,
  retry_factor double precision not null,
  retry_max_seconds double precision not null,
  retry_jitter double precision not null,
  cache_ttl_seconds double precision,
  worker_timeout_seconds double precision not null,
  timeout_seconds integer not null,
  priority_aging_seconds double precision not null,

  constraint module_settings_pkey primary key (module_name),
  constraint module_settings_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
);

comment on table capataz_ops.module_settings is 'Typed copy of the settings in module_registry.registration_data.';

create table capataz_ops.module_state (
  module_name varchar(100) not null,
  processed_count bigint not null default 0,
  processed_ms bigint not null default 0,
  next_write_at timestamp with time zone not null default '-infinity',
  window_from timestamp not null default '-infinity',
  probe_execute_id varchar(50),

  constraint module_state_pkey primary key (module_name),
  constraint module_state_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

comment on table capataz_ops.module_state is
  'Exact totals of a module (count, milliseconds), when its row was last written, and the probe of its circuit breaker.';
comment on column capataz_ops.module_state.next_write_at is
  'Wall-clock time before which a success leaves the module row alone.';
comment on column capataz_ops.module_state.window_from is
  'The module row shows the minutes after this one (its 24 h window), UTC.';

-- Append-only: a completion adds a row, never waits for one (ADR 0006). The fold moves them into module_minutes.
create table capataz_ops.module_deltas (
  delta_id bigint generated always as identity,
  module_name varchar(100) not null,
  minute timestamp not null,
  completed_count bigint not null default 0,
  completed_ms bigint not null default 0,
  failed_count bigint not null default 0,
  processed_count bigint not null default 0,
  processed_ms bigint not null default 0,
  failures_in_row bigint not null default 0,
  succeeded boolean not null default false,
  error_message text
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 1);

create index module_deltas_module_idx on capataz_ops.module_deltas (module_name, delta_id);

comment on table capataz_ops.module_deltas is
  'Changes of the 24 h windows and totals not yet folded: one row per statement, module and minute.';

create table capataz_ops.module_minutes (
  module_name varchar(100) not null,
  minute timestamp not null,
  completed_count bigint not null default 0,
  completed_ms bigint not null default 0,
  failed_count bigint not null default 0,

  constraint module_minutes_pkey primary key (module_name, minute)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

comment on table capataz_ops.module_minutes is
  'Executions ended per module and minute of completed_at (COMPLETED: count and milliseconds; FAILED: count).';

-- Units of max_concurrency that are free (ADR 0007). A claim takes units skip locked; ending an execution gives them back.
create table capataz_ops.module_permits (
  permit_id bigint generated always as identity,
  module_name varchar(100) not null,
  free_count integer not null,

  constraint module_permits_pkey primary key (permit_id),
  constraint module_permits_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

create index module_permits_module_idx on capataz_ops.module_permits (module_name);

comment on table capataz_ops.module_permits is
  'Free units of max_concurrency, in several rows per module; free + held by active executions = max_concurrency.';

-- One failed attempt, as fail_execution and expire_executions hand it to the one place that records it.
create type capataz_ops.failure as (
  execute_id text,
  error_category text,
  error_message text,
  error_details jsonb,
  error_stack_trace text,
  is_retryable boolean
);

comment on type capataz_ops.failure is 'Arguments of one fail_execution.';

-- One completed attempt.
create type capataz_ops.completion as (
  execute_id text,
  output_data jsonb,
  performance_metrics jsonb,
  confidence_score double precision,
  completeness_score double precision,
  resource_usage_mb bigint
);

comment on type capataz_ops.completion is 'Arguments of one complete_execution.';

-- One robot to submit.
create type capataz_ops.robot_request as (
  robot_type text,
  input_data jsonb,
  module_name text,
  priority text,
  available_at timestamp,
  cache_key text,
  correlation_id text,
  source_reference text,
  retry_limit bigint,
  estimated_duration_minutes bigint,
  complexity_score double precision,
  processing_tier text,
  security_classification text,
  compliance_tags text[],
  metadata jsonb,
  robot_id text
);

comment on type capataz_ops.robot_request is 'Arguments of one submit_robot.';

create table capataz_ops.workers (
  worker_id varchar(100) not null,
  module_name varchar(100) not null,
  first_heartbeat_at timestamp not null default capataz.utc_now(),
  last_heartbeat_at timestamp not null default capataz.utc_now(),
  stopped_at timestamp,
  lost_at timestamp,
  info jsonb not null default '{}',

  constraint workers_pkey primary key (worker_id, module_name),
  constraint workers_module_name_fkey
    foreign key (module_name) references capataz.module_registry (module_name) on update cascade on delete cascade,
  constraint workers_info_check check (jsonb_typeof(info) = 'object')
) with (fillfactor = 50);

create index workers_watched_idx on capataz_ops.workers (module_name)
  where stopped_at is null and lost_at is null;

comment on table capataz_ops.workers is 'Workers that sent a heartbeat: only these are watched for silence.';

create table capataz_ops.execution_steps (
  execute_id varchar(50) not null,
  step_number integer not null,
  step_name varchar(100) not null,
  step_category capataz.step_category_enum,
  started_at timestamp not null,
  duration_ms bigint not null,
  visits integer not null default 1,

  constraint execution_steps_pkey primary key (execute_id, step_number),
  constraint execution_steps_execute_id_fkey
    foreign key (execute_id) references capataz.robot_execute (execute_id) on delete cascade,
  constraint execution_steps_step_number_check check (step_number between 1 and 200)
);

comment on table capataz_ops.execution_steps is
  'Finished steps of executions: one row each, at most 200; further ones are added up in the last row (visits).';

create table capataz_ops.jobs (
  job_name varchar(100) not null,
  schedule text not null,
  every_seconds integer not null,
  command text not null,
  timeout_seconds integer not null default 300,
  description text not null,
  last_start_at timestamp,
  last_end_at timestamp,
  last_outcome text,
  last_error text,
  last_duration_ms bigint,
  run_count bigint not null default 0,
  failure_count bigint not null default 0,
  defined_at timestamp not null default capataz.utc_now(),

  constraint jobs_pkey primary key (job_name),
  constraint jobs_every_seconds_check check (every_seconds > 0),
  constraint jobs_timeout_seconds_check check (timeout_seconds > 0)
) with (fillfactor = 50);

comment on table capataz_ops.jobs is 'Catalogue of scheduled jobs and the last run of each, whoever ran it.';

create table capataz_ops.deployments (
  deployment_id bigint generated always as identity,
  version text not null,
  code_sha256 text not null,
  migrations text[] not null default '{}',
  applied_at timestamp not null default capataz.utc_now(),
  applied_by text not null default current_user,

  constraint deployments_pkey primary key (deployment_id)
);

comment on table capataz_ops.deployments is 'What was deployed, when and by whom.';
