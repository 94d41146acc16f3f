set local lock_timeout = '10s';

drop function if exists capataz.utc_now() cascade;

drop type if exists capataz.step_category_enum cascade;

drop type if exists capataz.execution_state_enum cascade;

drop type if exists capataz.processing_tier_enum cascade;

drop type if exists capataz.priority_enum cascade;

drop type if exists capataz.robot_status_enum cascade;

drop type if exists capataz.performance_tier_enum cascade;

drop type if exists capataz.module_health_enum cascade;
