set local lock_timeout = '10s';

drop sequence if exists capataz_ops.routing_seq cascade;

drop table if exists capataz_ops.routes cascade;

drop table if exists capataz_ops.cache_counters cascade;

drop table if exists capataz_ops.cache_invalidations cascade;

drop table if exists capataz_ops.caches cascade;

drop table if exists capataz_ops.module_histograms cascade;

drop table if exists capataz_ops.health_changes cascade;

drop table if exists capataz_ops.health_checks cascade;

drop table if exists capataz_ops.module_probes cascade;

alter table if exists capataz_ops.module_minutes
  drop column if exists failed_checks,
  drop column if exists good_checks,
  drop column if exists retried_count;

alter table if exists capataz_ops.module_deltas
  drop column if exists efficiencies,
  drop column if exists durations,
  drop column if exists retried_count;

alter table if exists capataz_ops.module_state
  drop column if exists score_samples,
  drop column if exists last_scored_at,
  drop column if exists recovered_at,
  drop column if exists last_response_time_ms,
  drop column if exists failed_checks,
  drop column if exists probe_after,
  drop column if exists cooldown_seconds,
  drop column if exists lengthened_for,
  drop column if exists opened_by,
  add column if not exists probe_execute_id varchar(50);

alter table if exists capataz_ops.module_settings
  drop column if exists breaker_max_seconds,
  drop column if exists breaker_factor,
  drop column if exists breaker_cooldown_seconds,
  drop column if exists max_response_time_ms,
  drop column if exists min_success_rate,
  drop column if exists health_failure_threshold,
  drop column if exists health_check_interval_seconds;
