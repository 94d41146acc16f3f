-- module_registry: what is derived per module and has no foreign key follows a renamed module, and goes with a deleted one.
-- Writes: module_minutes, module_deltas, module_histograms, type_deltas, type_minutes, type_hours, module_trends,
--         module_trend_hours. Raises: nothing.
create or replace function capataz_ops.tg_module_registry__derived()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' then
    delete from capataz_ops.module_minutes as f where f.module_name = OLD.module_name;
    delete from capataz_ops.module_deltas as d where d.module_name = OLD.module_name;
    delete from capataz_ops.module_histograms as h where h.module_name = OLD.module_name;
    delete from capataz_ops.type_deltas as t where t.module_name = OLD.module_name;
    delete from capataz_ops.type_minutes as t where t.module_name = OLD.module_name;
    delete from capataz_ops.type_hours as t where t.module_name = OLD.module_name;
    delete from capataz_ops.module_trends as t where t.module_name = OLD.module_name;
    delete from capataz_ops.module_trend_hours as t where t.module_name = OLD.module_name;
  else
    update capataz_ops.module_minutes as f set module_name = NEW.module_name where f.module_name = OLD.module_name;
    update capataz_ops.module_deltas as d set module_name = NEW.module_name where d.module_name = OLD.module_name;
    update capataz_ops.module_histograms as h set module_name = NEW.module_name where h.module_name = OLD.module_name;
    update capataz_ops.type_deltas as t set module_name = NEW.module_name where t.module_name = OLD.module_name;
    update capataz_ops.type_minutes as t set module_name = NEW.module_name where t.module_name = OLD.module_name;
    update capataz_ops.type_hours as t set module_name = NEW.module_name where t.module_name = OLD.module_name;
    update capataz_ops.module_trends as t set module_name = NEW.module_name where t.module_name = OLD.module_name;
    update capataz_ops.module_trend_hours as t set module_name = NEW.module_name where t.module_name = OLD.module_name;
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_module_registry__derived() is
  'Counters of a module follow its name, and go with it.';

create or replace trigger _650_derived_update
  after update on capataz.module_registry
  for each row
  when (NEW.module_name <> OLD.module_name)
  execute function capataz_ops.tg_module_registry__derived();

create or replace trigger _650_derived_delete
  after delete on capataz.module_registry
  for each row
  execute function capataz_ops.tg_module_registry__derived();
