set local lock_timeout = '10s';

drop table if exists capataz_ops.deployments cascade;

drop table if exists capataz_ops.jobs cascade;

drop table if exists capataz_ops.execution_steps cascade;

drop table if exists capataz_ops.workers cascade;

drop table if exists capataz_ops.module_permits cascade;

drop table if exists capataz_ops.module_minutes cascade;

drop table if exists capataz_ops.module_deltas cascade;

drop table if exists capataz_ops.module_state cascade;

drop table if exists capataz_ops.module_settings cascade;

drop type if exists capataz_ops.robot_request cascade;

drop type if exists capataz_ops.completion cascade;

drop type if exists capataz_ops.failure cascade;
