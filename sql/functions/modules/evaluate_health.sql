-- capataz.evaluate_health() -> integer
--
-- Brings the health of every module up to date where time alone changes it: modules silent for three check intervals become
-- UNKNOWN, success rates leave their hour (specification 5.2, ADR 0016). Also drops checks older than 48 hours, and changes of health older than 400 days.
-- Returns how many modules changed. Safe at any time, by anyone, twice at once; it waits for nobody.
-- Locks:  module_registry rows by name (skip locked). Writes: module_registry; by trigger module_state, health_changes.
-- Raises: nothing.
create or replace function capataz.evaluate_health()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_changed integer;
begin
  delete from capataz_ops.health_checks as c
  where c.checked_at < capataz.utc_now() - interval '48 hours';

  delete from capataz_ops.health_changes as c
  where c.changed_at < capataz.utc_now() - interval '400 days';

  with other as materialized (
    select m.module_name, (capataz_ops._assess_health(m)).status as health_status
    from capataz.module_registry as m
    where m.health_status is distinct from (capataz_ops._assess_health(m)).status
    order by m.module_name
    for no key update skip locked
  )
  update capataz.module_registry as m
  set health_status = o.health_status
  from other as o
  where m.module_name = o.module_name;
  get diagnostics v_changed = row_count;
  return v_changed;
end
$$;

comment on function capataz.evaluate_health() is
  'Brings the health of modules up to date where time alone changes it. Run by a job.';
