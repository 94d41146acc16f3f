-- Table module_registry of the specification (3.1): columns, types, defaults and indexes as given;
-- times are UTC (ADR 0004); every rule of its dictionary that one row can state is a named CHECK.
-- depends: 0002.types-and-clock
set local role capataz_owner;

set local lock_timeout = '10s';

create table capataz.module_registry (
  -- core fields
  module_id varchar(100) not null,
  module_name varchar(100) not null,
  module_version varchar(50) not null,
  supported_robot_types text[] not null,
  is_active boolean not null default true,
  health_endpoint varchar(200),
  registration_data jsonb,
  -- performance
  performance_score decimal(3,2) default 1.0,
  performance_tier capataz.performance_tier_enum default 'MEDIUM',
  last_performance_check timestamp,
  error_count_24h integer default 0,
  success_rate_24h decimal(5,2) default 100.0,
  avg_processing_time_ms integer default 0,
  capacity_utilization decimal(3,2) default 0.0,
  -- health and monitoring
  health_status capataz.module_health_enum default 'UNKNOWN',
  last_health_check timestamp,
  consecutive_failures integer default 0,
  last_error_message text,
  uptime_percentage_24h decimal(5,2) default 100.0,
  -- statistics
  total_robots_processed integer default 0,
  total_processing_time_hours decimal(8,2) default 0.0,
  -- evolution path
  security_level varchar(20) default 'BASIC',
  compliance_flags jsonb default '{}',
  enterprise_features jsonb default '{}',
  -- timestamps
  registered_at timestamp not null default capataz.utc_now(),
  updated_at timestamp not null default capataz.utc_now(),

  constraint module_registry_pkey primary key (module_id),
  constraint module_registry_module_name_key unique (module_name),
  constraint module_registry_module_name_check
    check (module_name <> '' and module_name = btrim(module_name) and module_name !~ '[[:cntrl:]]'),
  constraint module_registry_module_version_check
    check (module_version <> '' and module_version = btrim(module_version) and module_version !~ '[[:cntrl:]]'),
  constraint module_registry_module_id_format_check
    check (
      starts_with(module_id, module_name || '_' || module_version || '_')
      and length(module_id) > length(module_name) + length(module_version) + 2
    ),
  constraint module_registry_supported_robot_types_count_check
    check (array_ndims(supported_robot_types) = 1 and cardinality(supported_robot_types) between 1 and 32),
  -- the specified btree over this array fails on rows over 2,704 bytes
  constraint module_registry_supported_robot_types_size_check
    check (octet_length(array_to_string(supported_robot_types, ',', '')) <= 2000),
  constraint module_registry_supported_robot_types_value_check
    check (
      array_position(supported_robot_types, null) is null
      and '' <> all (supported_robot_types)
      and array_to_string(supported_robot_types, e'\n', '') !~ '[^\n]{51}'
    ),
  constraint module_registry_registration_data_check check (jsonb_typeof(registration_data) = 'object'),
  constraint module_registry_compliance_flags_check check (jsonb_typeof(compliance_flags) = 'object'),
  constraint module_registry_enterprise_features_check check (jsonb_typeof(enterprise_features) = 'object'),
  constraint module_registry_performance_score_check check (performance_score between 0 and 1),
  constraint module_registry_error_count_24h_check check (error_count_24h >= 0),
  constraint module_registry_success_rate_24h_check check (success_rate_24h between 0 and 100),
  constraint module_registry_avg_processing_time_ms_check check (avg_processing_time_ms >= 0),
  constraint module_registry_capacity_utilization_check check (capacity_utilization between 0 and 1),
  constraint module_registry_consecutive_failures_check check (consecutive_failures >= 0),
  constraint module_registry_uptime_percentage_24h_check check (uptime_percentage_24h between 0 and 100),
  constraint module_registry_total_robots_processed_check check (total_robots_processed >= 0),
  constraint module_registry_total_processing_time_hours_check check (total_processing_time_hours >= 0),
  constraint module_registry_updated_at_check check (updated_at >= registered_at)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

create index idx_module_active_performance on capataz.module_registry (is_active, performance_tier, performance_score)
  where is_active = true;

create index idx_module_health_monitoring on capataz.module_registry (health_status, last_health_check)
  where is_active = true;

create index idx_module_routing_optimization
  on capataz.module_registry (supported_robot_types, capacity_utilization, performance_score)
  where is_active = true and health_status = 'HEALTHY';

create index idx_module_error_tracking
  on capataz.module_registry (error_count_24h, success_rate_24h, consecutive_failures);

comment on table capataz.module_registry is
  'Registry of automation modules with performance and health tracking (specification 3.1). Times are UTC.';
comment on column capataz.module_registry.module_id is
  'Unique identifier: {name}_{version}_{environment}.';
comment on column capataz.module_registry.module_name is
  'Unique descriptive name, such as LegalModule. Robots refer to it.';
comment on column capataz.module_registry.module_version is 'Version the module last registered with.';
comment on column capataz.module_registry.supported_robot_types is
  'Robot types the module can process: 1 to 32, used for routing.';
comment on column capataz.module_registry.is_active is 'False: nothing is handed to the module.';
comment on column capataz.module_registry.health_endpoint is 'Where the module answers health checks.';
comment on column capataz.module_registry.registration_data is
  'Settings of the module: max_concurrency, retry_policy, failure_threshold, cache_ttl_seconds, worker_timeout_seconds, timeout_seconds, priority_aging_seconds, and keys of its own.';
comment on column capataz.module_registry.performance_score is 'Calculated score, 0.00 to 1.00; 1.00 = optimal.';
comment on column capataz.module_registry.performance_tier is 'Tier by performance: HIGH, MEDIUM, LOW or CRITICAL.';
comment on column capataz.module_registry.last_performance_check is 'When the score was last calculated, UTC.';
comment on column capataz.module_registry.error_count_24h is
  'FAILED executions that ended within 24 hours. Values leave the window by themselves.';
comment on column capataz.module_registry.success_rate_24h is
  'Percent of executions of the last 24 hours that COMPLETED, of those that COMPLETED or FAILED; 100.00 when none.';
comment on column capataz.module_registry.avg_processing_time_ms is
  'Mean duration of executions COMPLETED within 24 hours, milliseconds; 0 when none.';
comment on column capataz.module_registry.capacity_utilization is
  'Share of max_concurrency in use, 0.00 to 1.00; 0 where there is no limit.';
comment on column capataz.module_registry.health_status is 'HEALTHY, DEGRADED, UNHEALTHY or UNKNOWN.';
comment on column capataz.module_registry.last_health_check is 'When a health check was last recorded, UTC.';
comment on column capataz.module_registry.consecutive_failures is
  'FAILED executions in a row; at failure_threshold (5) the module becomes UNHEALTHY.';
comment on column capataz.module_registry.last_error_message is 'Message of the last failed execution or check.';
comment on column capataz.module_registry.uptime_percentage_24h is 'Percent of health checks of 24 hours that were good.';
comment on column capataz.module_registry.total_robots_processed is
  'Executions ended COMPLETED or FAILED since registration.';
comment on column capataz.module_registry.total_processing_time_hours is
  'Hours spent in executions ended COMPLETED or FAILED since registration.';
comment on column capataz.module_registry.security_level is 'Security level of the module; BASIC by default.';
comment on column capataz.module_registry.compliance_flags is 'Compliance marks, a JSON object.';
comment on column capataz.module_registry.enterprise_features is 'Enterprise features, a JSON object.';
comment on column capataz.module_registry.registered_at is 'When the module first registered, UTC.';
comment on column capataz.module_registry.updated_at is 'When the row last changed, UTC; kept by a trigger.';
