set local lock_timeout = '10s';

drop function if exists capataz.list_jobs();

alter table if exists capataz_ops.jobs
  drop column if exists last_success_at cascade;

drop table if exists capataz_ops.module_totals cascade;

drop table if exists capataz_ops.reports cascade;
