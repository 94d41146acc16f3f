-- module_registry: updated_at, and the health that follows from the row (specification 3.1, ADR 0016).
-- BEFORE row trigger: normalises NEW only. Where something changes that health depends on, _assess_health decides; a
-- statement that sets health_status itself has its way.
-- Raises: nothing.
create or replace function capataz_ops.tg_module_registry__normalize()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    NEW.registered_at := coalesce(NEW.registered_at, capataz.utc_now());
  end if;
  NEW.updated_at := greatest(NEW.registered_at, capataz.utc_now());

  if tg_op = 'UPDATE'
     and NEW.health_status is not distinct from OLD.health_status
     and (
       NEW.health_status = 'UNHEALTHY'
       or (NEW.consecutive_failures, NEW.success_rate_24h, NEW.error_count_24h, NEW.last_health_check)
         is distinct from (OLD.consecutive_failures, OLD.success_rate_24h, OLD.error_count_24h, OLD.last_health_check)
     )
  then
    NEW.health_status := (capataz_ops._assess_health(NEW)).status;
  end if;
  return NEW;
end
$$;

comment on function capataz_ops.tg_module_registry__normalize() is
  'Keeps updated_at, and health_status where what it depends on changes.';

create or replace trigger _100_normalize
  before insert or update on capataz.module_registry
  for each row
  execute function capataz_ops.tg_module_registry__normalize();
