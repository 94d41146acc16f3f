-- capataz_ops._note_success(p_module_names) -> void
--
-- After executions COMPLETED: writes the module rows that are due (a second has passed since the last write, or a run of
-- failures ends), without ever waiting for one (design 7).
-- Locks:  module_registry rows, skip locked. Writes: as _fold_module.
-- Raises: nothing.
create or replace function capataz_ops._note_success(p_module_names text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_module_name text;
begin
  for v_module_name in
    select m.module_name::text
    from capataz.module_registry as m
    join capataz_ops.module_state as s on s.module_name = m.module_name
    where m.module_name = any (p_module_names)
      and (
        s.next_write_at <= clock_timestamp()
        or m.consecutive_failures > 0
        or m.health_status = 'UNHEALTHY'
      )
    order by m.module_name
  loop
    perform capataz_ops._fold_module(v_module_name, false);
  end loop;
end
$$;

comment on function capataz_ops._note_success(text[]) is
  'Writes the rows of modules with new successes where due, without waiting.';
