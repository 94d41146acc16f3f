-- capataz_ops._note_ends(p_failed, p_completed) -> void
--
-- After executions ended: modules with failures are folded at once, in order of name (waits for their rows); modules with
-- successes alone where due (a second has passed since the last write, or a run of failures ends), without ever waiting
-- (ADR 0006). The last locks of every transaction that ends executions (ADR 0008).
-- Locks:  module_registry rows, by name. Writes: as _fold_module. Raises: nothing.
create or replace function capataz_ops._note_ends(p_failed text[], p_completed text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_module_name text;
begin
  if p_failed is not null then
    foreach v_module_name in array p_failed loop  -- array_agg(distinct ...) has sorted them
      perform capataz_ops._fold_module(v_module_name, true);
    end loop;
  end if;
  if p_completed is not null then
    for v_module_name in
      select m.module_name::text
      from capataz.module_registry as m
      join capataz_ops.module_state as s on s.module_name = m.module_name
      where m.module_name = any (p_completed)
        and (
          s.next_write_at <= clock_timestamp()
          or m.consecutive_failures > 0
          or m.health_status = 'UNHEALTHY'
        )
      order by m.module_name
    loop
      perform capataz_ops._fold_module(v_module_name, false);
    end loop;
  end if;
end
$$;

comment on function capataz_ops._note_ends(text[], text[]) is
  'Writes the rows of modules whose executions ended.';
