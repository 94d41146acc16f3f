-- capataz_ops._give_permits(p_module_name, p_count) -> void
--
-- Gives units of max_concurrency back: into a row nobody holds, else into a new one; it never waits (ADR 0007).
-- Locks:  one module_permits row, skip locked. Writes: module_permits.
-- Raises: nothing.
create or replace function capataz_ops._give_permits(p_module_name text, p_count integer)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select
    from capataz_ops.module_settings as s
    where s.module_name = p_module_name
      and s.max_concurrency is not null
  ) then
    return;
  end if;

  update capataz_ops.module_permits as p
  set free_count = p.free_count + p_count
  where p.permit_id = (
    select q.permit_id
    from capataz_ops.module_permits as q
    where q.module_name = p_module_name
    order by q.free_count
    limit 1
    for update skip locked
  );
  if not found then
    insert into capataz_ops.module_permits (module_name, free_count)
    values (p_module_name, p_count);
  end if;
end
$$;

comment on function capataz_ops._give_permits(text, integer) is
  'Gives units of a module''s max_concurrency back, without waiting.';
