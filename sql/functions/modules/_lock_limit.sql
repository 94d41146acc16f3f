-- capataz_ops._lock_limit(p_module_name) -> void
--
-- Waits until no claim that saw the module without a max_concurrency is under way, and lets none begin until this transaction
-- ends (ADR 0007): such a claim finds its row of limit_guards locked, and finds nothing. Claims of a module with a limit do not
-- come here. Rows that nobody holds are locked first, so that claims end meanwhile and few begin.
-- Locks:  limit_guards rows of the module: 0, then the rest. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._lock_limit(p_module_name text)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform
  from capataz_ops.limit_guards as g
  where g.module_name = p_module_name
    and g.slot = 0
  for no key update;

  perform
  from capataz_ops.limit_guards as g
  where g.module_name = p_module_name
    and g.slot > 0
  for no key update skip locked;

  perform
  from capataz_ops.limit_guards as g
  where g.module_name = p_module_name
    and g.slot > 0
  order by g.slot
  for no key update;
end
$$;

comment on function capataz_ops._lock_limit(text) is
  'Keeps claims that saw no max_concurrency out, and waits for those under way.';
