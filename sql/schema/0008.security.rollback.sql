set local lock_timeout = '10s';

drop policy if exists robot_execute_read_by_key on capataz.robot_execute;

drop policy if exists robot_execute_read_own on capataz.robot_execute;

drop policy if exists robot_execute_read_all on capataz.robot_execute;

drop policy if exists robots_read_by_key on capataz.robots;

drop policy if exists robots_read_own on capataz.robots;

drop policy if exists robots_read_all on capataz.robots;

drop policy if exists module_registry_read_by_key on capataz.module_registry;

drop policy if exists module_registry_read_own on capataz.module_registry;

drop policy if exists module_registry_read_all on capataz.module_registry;

alter table if exists capataz.robot_execute disable row level security;

alter table if exists capataz.robots disable row level security;

alter table if exists capataz.module_registry disable row level security;

drop function if exists capataz.my_modules() cascade;

drop table if exists capataz_ops.limit_guards cascade;

drop table if exists capataz_ops.rate_buckets cascade;

drop table if exists capataz_ops.api_key_uses cascade;

drop table if exists capataz_ops.api_keys cascade;

drop table if exists capataz_ops.tied_roles cascade;

drop table if exists capataz_ops.module_grants cascade;

alter table if exists capataz_ops.module_settings
  drop column if exists rate_burst,
  drop column if exists rate_per_second,
  drop column if exists input_schemas,
  drop column if exists sensitive_paths;

alter table if exists capataz.robots
  drop column if exists compliance_context cascade;

alter table if exists capataz.module_registry
  drop column if exists max_concurrency cascade;
