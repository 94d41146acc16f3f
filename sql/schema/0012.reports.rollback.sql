set local lock_timeout = '10s';

drop table if exists capataz_ops.module_totals cascade;

drop table if exists capataz_ops.reports cascade;
