set local lock_timeout = '10s';

delete from capataz_ops.walks as w where w.walk_name in ('fold_analytics', 'store_forecasts');

drop table if exists capataz_ops.queue_forecasts cascade;

drop table if exists capataz_ops.error_days cascade;

drop table if exists capataz_ops.error_deltas cascade;

drop table if exists capataz_ops.step_days cascade;

drop table if exists capataz_ops.step_deltas cascade;

drop table if exists capataz_ops.type_days cascade;

alter table if exists capataz_ops.type_hours
  drop column if exists failed_ms,
  drop column if exists retried_count,
  drop column if exists waited_count,
  drop column if exists waited_ms,
  drop column if exists estimated_count,
  drop column if exists estimated_ms,
  drop column if exists estimated_actual_ms,
  drop column if exists cpu_ms,
  drop column if exists memory_mb_ms,
  drop column if exists disk_io_mb,
  drop column if exists network_io_mb,
  drop column if exists api_calls,
  drop column if exists api_ms;

alter table if exists capataz_ops.type_deltas
  drop column if exists failed_ms,
  drop column if exists retried_count,
  drop column if exists waited_count,
  drop column if exists waited_ms,
  drop column if exists estimated_count,
  drop column if exists estimated_ms,
  drop column if exists estimated_actual_ms,
  drop column if exists cpu_ms,
  drop column if exists memory_mb_ms,
  drop column if exists disk_io_mb,
  drop column if exists network_io_mb,
  drop column if exists api_calls,
  drop column if exists api_ms;

alter table if exists capataz_ops.module_settings
  drop column if exists sla_seconds,
  drop column if exists target_wait_seconds;

alter table if exists capataz.robot_execute
  drop column if exists due_at cascade,
  drop column if exists estimated_minutes cascade;
