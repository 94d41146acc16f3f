-- capataz_ops._take_permits(p_module_name, p_wanted) -> integer
--
-- Takes up to p_wanted free units of the module's max_concurrency for this transaction and returns how many (ADR 0007).
-- Rows that another session holds are skipped, so it may get fewer than are free, never more. While a row is negative
-- (the limit was lowered below what runs) nothing is given out; negative and positive rows are merged instead.
-- Locks:  module_permits rows, skip locked. Writes: module_permits.
-- Raises: nothing.
create or replace function capataz_ops._take_permits(p_module_name text, p_wanted integer)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_taken integer := 0;
  v_permit record;
begin
  if exists (
    select from capataz_ops.module_permits as p where p.module_name = p_module_name and p.free_count < 0
  ) then
    with gone as (
      delete from capataz_ops.module_permits as p
      where p.permit_id in (
        select q.permit_id
        from capataz_ops.module_permits as q
        where q.module_name = p_module_name
        for update skip locked
      )
      returning p.free_count
    )
    insert into capataz_ops.module_permits (module_name, free_count)
    select p_module_name, sum(g.free_count)
    from gone as g
    having sum(g.free_count) <> 0;
  end if;

  while v_taken < p_wanted loop
    select p.permit_id, p.free_count into v_permit
    from capataz_ops.module_permits as p
    where p.module_name = p_module_name
      and p.free_count > 0
      and not exists (
        select from capataz_ops.module_permits as n where n.module_name = p_module_name and n.free_count < 0
      )
    order by p.free_count desc
    limit 1
    for update of p skip locked;
    exit when not found;

    update capataz_ops.module_permits as p
    set free_count = p.free_count - least(v_permit.free_count, p_wanted - v_taken)
    where p.permit_id = v_permit.permit_id;
    v_taken := v_taken + least(v_permit.free_count, p_wanted - v_taken);
  end loop;
  return v_taken;
end
$$;

comment on function capataz_ops._take_permits(text, integer) is
  'Takes free units of a module''s max_concurrency, without waiting; returns how many.';
