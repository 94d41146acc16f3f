-- Table robot_execute of the specification (3.3): columns, types, defaults and indexes as given;
-- added: worker_id, error_category, items_processed, answered_status, has_permit; one active execution per robot.
-- depends: 0004.robots
set local role capataz_owner;

set local lock_timeout = '10s';

create table capataz.robot_execute (
  -- core fields
  execute_id varchar(50) not null,
  robot_id varchar(50) not null,
  module_name varchar(100) not null,
  execution_state capataz.execution_state_enum not null default 'PENDING',
  current_step varchar(100),
  progress_percentage smallint default 0,
  -- step tracking
  step_category capataz.step_category_enum default 'INIT',
  total_steps integer default 1,
  completed_steps integer default 0,
  step_details jsonb default '{}',
  step_start_time timestamp,
  step_duration_ms integer,
  -- resource monitoring
  cpu_usage_percent decimal(5,2),
  memory_usage_mb integer,
  disk_io_mb integer,
  network_io_mb integer,
  resource_peak_usage jsonb default '{}',
  -- performance tracking
  throughput_items_per_sec decimal(8,2),
  processing_rate decimal(8,2),
  efficiency_score decimal(3,2) default 1.0,
  -- timing
  started_at timestamp not null default capataz.utc_now(),
  completed_at timestamp,
  estimated_completion_at timestamp,
  duration_ms integer,
  -- error management
  retry_count integer default 0,
  max_retries integer default 3,
  last_retry_at timestamp,
  timeout_seconds integer default 1800,
  error_message text,
  error_stack_trace text,
  -- evolution path
  execution_metadata jsonb default '{}',
  contains_sensitive_data boolean default false,
  compliance_context jsonb default '{}',
  -- external dependencies
  external_api_calls integer default 0,
  external_api_duration_ms integer default 0,
  external_api_failures integer default 0,
  -- added by Capataz
  worker_id varchar(100),
  error_category varchar(50),
  items_processed bigint,
  answered_status capataz.robot_status_enum,
  has_permit boolean not null default false,

  constraint robot_execute_pkey primary key (execute_id),
  constraint robot_execute_robot_id_fkey foreign key (robot_id) references capataz.robots (robot_id) on delete cascade,
  constraint robot_execute_execute_id_check
    check (execute_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'),
  constraint robot_execute_progress_percentage_check check (progress_percentage between 0 and 100),
  constraint robot_execute_total_steps_check check (total_steps >= 1),
  constraint robot_execute_completed_steps_check check (completed_steps between 0 and total_steps),
  constraint robot_execute_step_details_check check (jsonb_typeof(step_details) = 'object'),
  constraint robot_execute_step_duration_ms_check check (step_duration_ms >= 0),
  constraint robot_execute_cpu_usage_percent_check check (cpu_usage_percent >= 0.0),
  constraint robot_execute_memory_usage_mb_check check (memory_usage_mb >= 0),
  constraint robot_execute_disk_io_mb_check check (disk_io_mb >= 0),
  constraint robot_execute_network_io_mb_check check (network_io_mb >= 0),
  constraint robot_execute_resource_peak_usage_check check (jsonb_typeof(resource_peak_usage) = 'object'),
  constraint robot_execute_throughput_items_per_sec_check check (throughput_items_per_sec >= 0.0),
  constraint robot_execute_processing_rate_check check (processing_rate >= 0.0),
  constraint robot_execute_efficiency_score_check check (efficiency_score between 0.0 and 1.0),
  constraint robot_execute_completed_at_check check (completed_at >= started_at),
  constraint robot_execute_step_start_time_check check (step_start_time >= started_at),
  constraint robot_execute_duration_ms_check check (duration_ms >= 0),
  constraint robot_execute_retry_count_check check (retry_count >= 0),
  constraint robot_execute_max_retries_check check (max_retries >= 0),
  constraint robot_execute_timeout_seconds_check check (timeout_seconds > 0),
  constraint robot_execute_execution_metadata_check check (jsonb_typeof(execution_metadata) = 'object'),
  constraint robot_execute_compliance_context_check check (jsonb_typeof(compliance_context) = 'object'),
  constraint robot_execute_external_api_calls_check check (external_api_calls >= 0),
  constraint robot_execute_external_api_duration_ms_check check (external_api_duration_ms >= 0),
  constraint robot_execute_external_api_failures_check check (external_api_failures >= 0),
  constraint robot_execute_error_category_check check (error_category ~ '^[A-Z][A-Z0-9_]*$'),
  constraint robot_execute_items_processed_check check (items_processed >= 0),
  constraint robot_execute_state_times_check
    check ((execution_state in ('COMPLETED', 'FAILED', 'CANCELLED')) = (completed_at is not null))
) with (
  fillfactor = 85,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 1
);

create index idx_execute_active_monitoring
  on capataz.robot_execute (execution_state, current_step, progress_percentage, started_at)
  where execution_state in ('RUNNING', 'RETRYING', 'PAUSED');

create index idx_execute_performance_analysis
  on capataz.robot_execute (module_name, execution_state, duration_ms, efficiency_score, completed_at)
  where completed_at is not null;

create index idx_execute_resource_tracking
  on capataz.robot_execute (cpu_usage_percent, memory_usage_mb, started_at)
  where execution_state = 'RUNNING';

create index idx_execute_step_analysis on capataz.robot_execute (step_category, step_duration_ms, completed_at);

create index idx_execute_robot_progress on capataz.robot_execute (robot_id, progress_percentage, execution_state);

create index idx_execute_timeout_monitoring
  on capataz.robot_execute (started_at, timeout_seconds, execution_state)
  where execution_state in ('RUNNING', 'PAUSED');

-- A robot has at most one active execution: this index is the guarantee, triggers give the good message.
create unique index robot_execute_active_robot_key on capataz.robot_execute (robot_id)
  where execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING');

-- The sweep for timeouts reads the expired head of a module and nothing else.
create index robot_execute_expiry_idx
  on capataz.robot_execute (module_name, (started_at + timeout_seconds * interval '1 second'))
  where execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING');

comment on table capataz.robot_execute is
  'Attempts at robots: steps, progress, resources, timing, errors (specification 3.3). Times are UTC.';
comment on column capataz.robot_execute.execute_id is 'Identifier of the attempt, a UUID; the lease its worker reports with.';
comment on column capataz.robot_execute.robot_id is 'Robot that is attempted.';
comment on column capataz.robot_execute.module_name is 'Module that does the work.';
comment on column capataz.robot_execute.execution_state is
  'PENDING, RUNNING, PAUSED, RETRYING (all active), COMPLETED, FAILED or CANCELLED (final).';
comment on column capataz.robot_execute.current_step is 'Name of the step being worked on.';
comment on column capataz.robot_execute.progress_percentage is 'Progress, 0 to 100; as reported, or from the steps.';
comment on column capataz.robot_execute.step_category is 'Category of the current step; for performance analysis by kind.';
comment on column capataz.robot_execute.total_steps is 'Steps planned; progress is calculated from it.';
comment on column capataz.robot_execute.completed_steps is 'Steps done.';
comment on column capataz.robot_execute.step_details is
  'Details of the current step, such as {"name": "OCR_EXTRACT", "input_size": 2.5}.';
comment on column capataz.robot_execute.step_start_time is 'When the current step started, UTC; kept by a trigger.';
comment on column capataz.robot_execute.step_duration_ms is
  'Time in the current step, as of the last report, milliseconds; for finding bottlenecks; kept by a trigger.';
comment on column capataz.robot_execute.cpu_usage_percent is 'CPU in use, percent of one core, 0 to 999.99.';
comment on column capataz.robot_execute.memory_usage_mb is 'Memory in use, MB.';
comment on column capataz.robot_execute.disk_io_mb is 'Disk I/O of the attempt so far, MB.';
comment on column capataz.robot_execute.network_io_mb is 'Network I/O of the attempt so far, MB.';
comment on column capataz.robot_execute.resource_peak_usage is
  'Peaks of the attempt, such as {"max_cpu": 85.5, "max_memory": 512}; kept by a trigger.';
comment on column capataz.robot_execute.throughput_items_per_sec is 'items_processed per second since started_at; kept by a trigger.';
comment on column capataz.robot_execute.processing_rate is 'Progress per minute, percentage points; kept by a trigger.';
comment on column capataz.robot_execute.efficiency_score is
  'Estimated / actual duration, at most 1.00; 1.00 where nothing was estimated; kept by a trigger.';
comment on column capataz.robot_execute.started_at is 'When the attempt started, UTC.';
comment on column capataz.robot_execute.completed_at is 'When the attempt ended, UTC.';
comment on column capataz.robot_execute.estimated_completion_at is 'When it will end at the rate so far, UTC; kept by a trigger.';
comment on column capataz.robot_execute.duration_ms is 'completed_at - started_at, milliseconds; kept by a trigger.';
comment on column capataz.robot_execute.retry_count is 'Steps repeated within this attempt.';
comment on column capataz.robot_execute.max_retries is 'Step repeats allowed within this attempt.';
comment on column capataz.robot_execute.last_retry_at is 'When a step was last repeated, UTC.';
comment on column capataz.robot_execute.timeout_seconds is 'Age, from started_at, at which the attempt fails with TIMEOUT, seconds.';
comment on column capataz.robot_execute.error_message is 'What went wrong.';
comment on column capataz.robot_execute.error_stack_trace is 'Stack trace given by the worker.';
comment on column capataz.robot_execute.execution_metadata is 'Metadata of the attempt, a JSON object.';
comment on column capataz.robot_execute.contains_sensitive_data is 'True: input or output holds sensitive data.';
comment on column capataz.robot_execute.compliance_context is 'Paths and kinds of sensitive data, never values.';
comment on column capataz.robot_execute.external_api_calls is 'Calls to external APIs so far.';
comment on column capataz.robot_execute.external_api_duration_ms is 'Time spent in external APIs so far, milliseconds.';
comment on column capataz.robot_execute.external_api_failures is 'Failed calls to external APIs so far.';
comment on column capataz.robot_execute.worker_id is 'Worker that claimed it; watched where it sends heartbeats.';
comment on column capataz.robot_execute.error_category is 'Category of the error that ended the attempt.';
comment on column capataz.robot_execute.items_processed is 'Items processed so far.';
comment on column capataz.robot_execute.answered_status is
  'What complete, fail or release answered when it ended the attempt: a repeated call gets the same answer.';
comment on column capataz.robot_execute.has_permit is 'Holds one unit of its module''s max_concurrency.';
