set local lock_timeout = '10s';

drop table if exists capataz_ops.walks cascade;

drop table if exists capataz_ops.findings cascade;

drop table if exists capataz_ops.queue_counts cascade;

drop table if exists capataz_ops.fleet_trend_hours cascade;

drop table if exists capataz_ops.fleet_trends cascade;

drop table if exists capataz_ops.module_trend_hours cascade;

drop table if exists capataz_ops.module_trends cascade;

drop table if exists capataz_ops.type_hours cascade;

drop table if exists capataz_ops.type_minutes cascade;

drop table if exists capataz_ops.type_deltas cascade;

drop table if exists capataz_ops.tickers cascade;

drop function if exists capataz_ops._define_job(text, text, integer, text, integer);

alter table if exists capataz_ops.jobs
  drop column if exists gap_until cascade,
  drop column if exists gap_from cascade,
  drop column if exists missed_count cascade,
  drop column if exists next_due_at cascade,
  drop column if exists job_owner cascade;

alter table if exists capataz_ops.module_settings
  drop column if exists retention_days cascade;

alter table if exists capataz.robot_execute
  drop column if exists robot_type cascade;
