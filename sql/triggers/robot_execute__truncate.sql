-- robot_execute: after TRUNCATE no robot is left PROCESSING without an execution, and derived state is computed anew
-- (ADR 0008). Totals stay.
-- Locks:  robots, module_registry rows. Writes: robots, derived state (rebuild_derived). Raises: nothing.
create or replace function capataz_ops.tg_robot_execute__truncate()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz.rebuild_derived();
  return null;
end
$$;

comment on function capataz_ops.tg_robot_execute__truncate() is
  'Hands robots back and rebuilds derived state after TRUNCATE.';

create or replace trigger _500_truncate
  after truncate on capataz.robot_execute
  for each statement
  execute function capataz_ops.tg_robot_execute__truncate();
