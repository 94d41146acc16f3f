-- module_registry: derived columns and the rule that failures in a row make a module UNHEALTHY (specification 3.1).
-- BEFORE row trigger: normalises NEW only. At failure_threshold the module becomes UNHEALTHY; a success or
-- activate_module lifts it again. Raises RB400 for unusable settings (through _parse_settings).
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

  if tg_op = 'UPDATE' then
    if NEW.consecutive_failures is distinct from OLD.consecutive_failures
       and NEW.health_status is not distinct from OLD.health_status
    then
      if NEW.consecutive_failures >= (
        capataz_ops._parse_settings(NEW.module_name, NEW.registration_data)
      ).failure_threshold then
        NEW.health_status := 'UNHEALTHY';
      elsif NEW.consecutive_failures < OLD.consecutive_failures and OLD.health_status = 'UNHEALTHY' then
        NEW.health_status := 'HEALTHY';  -- they only become fewer by a success or by activate_module
      end if;
    end if;
  end if;
  return NEW;
end
$$;

comment on function capataz_ops.tg_module_registry__normalize() is
  'Keeps updated_at and makes a module UNHEALTHY at its threshold of failures in a row.';

create or replace trigger _100_normalize
  before insert or update on capataz.module_registry
  for each row
  execute function capataz_ops.tg_module_registry__normalize();
