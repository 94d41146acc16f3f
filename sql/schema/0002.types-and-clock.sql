-- The seven enums of the specification (3.1 to 3.3) and the one clock (ADR 0004).
-- depends: 0001.roles-and-schemas
set local role capataz_owner;

set local lock_timeout = '10s';

create type capataz.module_health_enum as enum ('HEALTHY', 'DEGRADED', 'UNHEALTHY', 'UNKNOWN');

comment on type capataz.module_health_enum is 'Health of a module (specification 3.1).';

create type capataz.performance_tier_enum as enum ('HIGH', 'MEDIUM', 'LOW', 'CRITICAL');

comment on type capataz.performance_tier_enum is 'Tier of a module by its performance score (specification 3.1).';

create type capataz.robot_status_enum as enum ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'RETRYING');

comment on type capataz.robot_status_enum is 'Status of a robot (specification 3.2).';

create type capataz.priority_enum as enum ('LOW', 'NORMAL', 'HIGH', 'CRITICAL');

comment on type capataz.priority_enum is 'Priority of a robot; CRITICAL is claimed first (specification 3.2).';

create type capataz.processing_tier_enum as enum ('FAST', 'STANDARD', 'COMPLEX', 'BULK');

comment on type capataz.processing_tier_enum is
  'Expected size of a robot: FAST < 1 min, STANDARD < 10 min, COMPLEX < 60 min, BULK above (specification 3.2).';

create type capataz.execution_state_enum as enum
  ('PENDING', 'RUNNING', 'PAUSED', 'COMPLETED', 'FAILED', 'RETRYING', 'CANCELLED');

comment on type capataz.execution_state_enum is 'State of one attempt at a robot (specification 3.3).';

create type capataz.step_category_enum as enum ('INIT', 'VALIDATION', 'PROCESSING', 'EXTERNAL_API', 'FINALIZATION');

comment on type capataz.step_category_enum is 'Kind of a step within an execution (specification 3.3).';

-- Column defaults need the clock before the replaceable functions exist; sql/functions/shared/utc_now.sql documents it.
create or replace function capataz.utc_now()
  returns timestamp
  language plpgsql
  stable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.timezone('UTC', pg_catalog.now());
end
$$;
