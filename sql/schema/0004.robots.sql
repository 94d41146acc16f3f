-- Table robots of the specification (3.2): columns, types, defaults and indexes as given;
-- added: available_at (due time), arrival (order of arrival), is_routed (chosen by the router, not by the caller).
-- depends: 0003.module-registry
set local role capataz_owner;

set local lock_timeout = '10s';

create table capataz.robots (
  -- core fields
  robot_id varchar(50) not null,
  robot_type varchar(50) not null,
  status capataz.robot_status_enum not null default 'PENDING',
  module_name varchar(100) not null,
  input_data jsonb not null,
  output_data jsonb,
  priority capataz.priority_enum not null default 'NORMAL',
  -- performance
  performance_metrics jsonb default '{}',
  processing_time_ms integer,
  processing_tier capataz.processing_tier_enum default 'STANDARD',
  cache_hit boolean default false,
  cache_key varchar(255),
  resource_usage_mb integer,
  -- error management
  retry_count integer default 0,
  retry_limit integer default 3,
  error_details jsonb,
  error_category varchar(50),
  last_error_at timestamp,
  -- business logic
  completeness_score decimal(3,2) default 0.0,
  confidence_score decimal(3,2) default 0.0,
  source_reference varchar(200),
  correlation_id varchar(100),
  -- estimations and actuals
  estimated_duration_minutes integer,
  actual_duration_minutes integer,
  complexity_score decimal(2,1) default 1.0,
  -- evolution path
  security_classification varchar(20) default 'STANDARD',
  compliance_tags text[],
  enterprise_metadata jsonb default '{}',
  -- timestamps
  created_at timestamp not null default capataz.utc_now(),
  updated_at timestamp not null default capataz.utc_now(),
  started_at timestamp,
  completed_at timestamp,
  -- added by Capataz
  available_at timestamp not null default capataz.utc_now(),
  arrival bigint generated always as identity,
  is_routed boolean not null default false,

  constraint robots_pkey primary key (robot_id),
  constraint robots_module_name_fkey foreign key (module_name) references capataz.module_registry (module_name),
  constraint robots_robot_id_check check (robot_id ~ '^[A-Za-z0-9_.:-]+$'),
  constraint robots_robot_type_check check (robot_type <> '' and robot_type !~ '[[:cntrl:]]'),
  constraint robots_performance_metrics_check check (jsonb_typeof(performance_metrics) = 'object'),
  constraint robots_processing_time_ms_check check (processing_time_ms >= 0),
  constraint robots_cache_key_check check (cache_key <> ''),
  constraint robots_resource_usage_mb_check check (resource_usage_mb >= 0),
  constraint robots_retry_count_check check (retry_count >= 0),
  constraint robots_retry_limit_check check (retry_limit >= 0),
  constraint robots_error_details_check check (jsonb_typeof(error_details) = 'object'),
  constraint robots_error_category_check check (error_category ~ '^[A-Z][A-Z0-9_]*$'),
  constraint robots_completeness_score_check check (completeness_score between 0.0 and 1.0),
  constraint robots_confidence_score_check check (confidence_score between 0.0 and 1.0),
  constraint robots_estimated_duration_minutes_check check (estimated_duration_minutes >= 0),
  constraint robots_actual_duration_minutes_check check (actual_duration_minutes >= 0),
  constraint robots_complexity_score_check check (complexity_score >= 0.0),
  constraint robots_compliance_tags_check check (array_position(compliance_tags, null) is null),
  constraint robots_enterprise_metadata_check check (jsonb_typeof(enterprise_metadata) = 'object'),
  constraint robots_updated_at_check check (updated_at >= created_at),
  constraint robots_started_at_check check (started_at >= created_at),
  constraint robots_completed_at_check check (completed_at >= created_at and completed_at >= started_at),
  -- short forms: every statement reads the text of these expressions anew (docs/tuning.md)
  constraint robots_status_times_check check (
    (completed_at is not null) = (status in ('COMPLETED', 'FAILED'))
    and (status <> 'PENDING' or started_at is null)
    and (started_at is not null or status in ('PENDING', 'FAILED'))
  )
) with (
  fillfactor = 85,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 1
);

create index idx_robots_active_processing on capataz.robots (status, module_name, priority, created_at)
  where status in ('PENDING', 'PROCESSING', 'RETRYING');

create index idx_robots_performance_analysis on capataz.robots (status, processing_tier, processing_time_ms, cache_hit)
  where status = 'COMPLETED';

create index idx_robots_error_tracking on capataz.robots (status, error_category, retry_count, last_error_at)
  where status in ('FAILED', 'RETRYING');

create index idx_robots_type_priority on capataz.robots (robot_type, priority, status, created_at);

create index idx_robots_correlation on capataz.robots (correlation_id, source_reference)
  where correlation_id is not null;

create unique index idx_robots_cache_key on capataz.robots (cache_key)
  where cache_key is not null;

-- One probe per priority level finds the next robot (ADR 0005); robots that are not due lie behind the scanned range.
create index robots_claim_idx on capataz.robots (module_name, priority, available_at, arrival)
  where status in ('PENDING', 'RETRYING');

comment on table capataz.robots is
  'Units of work handed to modules: status, input, output, errors, retries (specification 3.2). Times are UTC.';
comment on column capataz.robots.robot_id is
  'Unique identifier: {prefix}_{timestamp}_{seq}, or one that the caller brought.';
comment on column capataz.robots.robot_type is 'What kind of work it is; a module must support the type.';
comment on column capataz.robots.status is 'PENDING, PROCESSING, COMPLETED, FAILED or RETRYING.';
comment on column capataz.robots.module_name is 'Module that has to do it.';
comment on column capataz.robots.input_data is 'Input, JSON.';
comment on column capataz.robots.output_data is 'Result, JSON; set when COMPLETED.';
comment on column capataz.robots.priority is 'CRITICAL before HIGH before NORMAL before LOW.';
comment on column capataz.robots.performance_metrics is
  'Detailed metrics of the completing attempt, such as {"cpu_ms": 1500, "memory_peak_mb": 45}.';
comment on column capataz.robots.processing_time_ms is 'completed_at - started_at, milliseconds; kept by a trigger.';
comment on column capataz.robots.processing_tier is
  'Expected size: FAST (< 1 min), STANDARD (< 10 min), COMPLEX (< 60 min), BULK; derived from estimate x complexity unless given.';
comment on column capataz.robots.cache_hit is 'Born COMPLETED with the output of an earlier robot of the same cache key.';
comment on column capataz.robots.cache_key is 'Key for deduplication and reuse of results; unique.';
comment on column capataz.robots.resource_usage_mb is 'Memory used by the completing attempt, MB; for capacity planning.';
comment on column capataz.robots.retry_count is 'Retries so far; attempt = retry_count + 1.';
comment on column capataz.robots.retry_limit is 'Retries allowed; 3 = at most 4 attempts.';
comment on column capataz.robots.error_details is
  'Structured details of the last error, such as {"type": "TIMEOUT", "step": "OCR"}.';
comment on column capataz.robots.error_category is
  'Category of the last error: TIMEOUT, VALIDATION, EXTERNAL_API, PROCESSING, WORKER_LOST, CANCELLED or one of the caller.';
comment on column capataz.robots.last_error_at is 'When the last error happened, UTC.';
comment on column capataz.robots.completeness_score is 'How complete the data is, 0.00 to 1.00; 1.00 = complete.';
comment on column capataz.robots.confidence_score is 'Confidence in the result, 0.00 to 1.00; for quality assurance.';
comment on column capataz.robots.source_reference is 'Where the work came from, in words of the caller.';
comment on column capataz.robots.correlation_id is 'Ties the robots of one batch together.';
comment on column capataz.robots.estimated_duration_minutes is 'Expected duration, minutes.';
comment on column capataz.robots.actual_duration_minutes is 'Duration of the last attempt, whole minutes; kept by a trigger.';
comment on column capataz.robots.complexity_score is 'Complexity, 0.0 to 9.9; 1.0 = usual.';
comment on column capataz.robots.security_classification is 'Security classification of the data; STANDARD by default.';
comment on column capataz.robots.compliance_tags is 'Compliance tags.';
comment on column capataz.robots.enterprise_metadata is 'Metadata of the caller; cache_source names the robot a cached result came from.';
comment on column capataz.robots.created_at is 'When it was submitted, UTC.';
comment on column capataz.robots.updated_at is 'When the row last changed, UTC; kept by a trigger.';
comment on column capataz.robots.started_at is 'When the latest attempt started, UTC.';
comment on column capataz.robots.completed_at is 'When it ended COMPLETED or FAILED, UTC.';
comment on column capataz.robots.available_at is 'When it is due: not claimed before, UTC.';
comment on column capataz.robots.arrival is 'Order of arrival; breaks ties between robots due at the same time.';
comment on column capataz.robots.is_routed is 'True: the module was chosen by the router and may be changed by it.';

create sequence capataz.robots_seq as bigint;

comment on sequence capataz.robots_seq is 'Last part of a generated robot_id.';
