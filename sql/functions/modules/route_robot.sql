-- capataz.route_robot(p_robot_type) -> text
--
-- Name of the module that should take a robot of this type now (specification 4.1): active, supports the type, not
-- UNHEALTHY; each in proportion to performance score x free capacity, spread evenly over successive calls (ADR 0018).
-- A caller who may not reach every module gets one of its own.
-- Locks:  caches row (skip locked) where the routing table is stale. Writes: what a refresh of the routing table writes.
-- Raises: RB400 no type, RB401, RB403 an API key without scope submit, RB503 no module can take it (DETAIL says why for each candidate).
create or replace function capataz.route_robot(p_robot_type text)
  returns text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope('submit');
begin
  perform capataz_ops._check_text('robot_type', p_robot_type, 50, true);
  if v_modules is not null then
    return (capataz_ops._route_within(p_robot_type, 1, v_modules))[1];
  end if;
  return (capataz_ops._route(p_robot_type, 1))[1];
end
$$;

comment on function capataz.route_robot(text) is
  'Name of the module that should take a robot of this type now. RB400, RB401, RB403, RB503.';
