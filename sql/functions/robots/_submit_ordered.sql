-- capataz_ops._submit_ordered(p_requests, p_modules) -> rows with the place of each request
--
-- Submits checked requests one by one: first those with an id of the caller, in order of id, then the rest in order of cache
-- key (none first), then of place. So ids are always locked before keys, each in one order, and two calls never wait for
-- each other in a circle. An id that comes with a key is reserved by a row that gives way when the key's turn comes.
-- p_modules: the module chosen for each; of a caller who may reach some modules alone every robot is pinned.
-- Locks: robots by id, then as _submit_keyed in order of key. Writes: robots. Raises: as _submit_keyed.
create or replace function capataz_ops._submit_ordered(
  p_requests capataz_ops.robot_request[],
  p_modules text[]
)
  returns table (
    place bigint,
    robot_id varchar(50),
    module_name varchar(100),
    status capataz.robot_status_enum,
    cache_hit boolean,
    deduplicated boolean
  )
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_is_tied constant boolean := capataz_ops._scope('submit') is not null;
  v_place integer;
  v_request capataz_ops.robot_request;
  v_reserved integer[] := '{}'::integer[];
begin
  for v_place in
    select g.place
    from generate_subscripts(p_requests, 1) as g (place)
    where (p_requests[g.place]).robot_id is not null
    order by (p_requests[g.place]).robot_id collate "C", g.place
  loop
    v_request := p_requests[v_place];
    v_request.cache_key := null;
    robot_id := capataz_ops._insert_robot(v_request, p_modules[v_place], v_request.module_name is null and not v_is_tied);
    if (p_requests[v_place]).cache_key is not null then
      if robot_id is not null then
        v_reserved := v_reserved || v_place;
      end if;
    elsif robot_id is null then
      perform capataz_ops._raise_robot_id_taken(v_request.robot_id);
    else
      place := v_place::bigint;
      module_name := p_modules[v_place];
      status := 'PENDING';
      cache_hit := false;
      deduplicated := false;
      return next;
    end if;
  end loop;

  for v_place in
    select g.place
    from generate_subscripts(p_requests, 1) as g (place)
    where (p_requests[g.place]).robot_id is null
      or (p_requests[g.place]).cache_key is not null
    order by (p_requests[g.place]).cache_key collate "C" nulls first, g.place
  loop
    v_request := p_requests[v_place];
    place := v_place::bigint;
    if v_request.cache_key is null then
      robot_id := capataz_ops._insert_robot(v_request, p_modules[v_place], v_request.module_name is null and not v_is_tied);
      module_name := p_modules[v_place];
      status := 'PENDING';
      cache_hit := false;
      deduplicated := false;
    else
      if v_place = any (v_reserved) then
        delete from capataz.robots as r where r.robot_id = v_request.robot_id;
      end if;
      select k.robot_id, k.module_name, k.status, k.cache_hit, k.deduplicated
      into robot_id, module_name, status, cache_hit, deduplicated
      from capataz_ops._submit_keyed(v_request, p_modules[v_place], v_request.module_name is null and not v_is_tied) as k;
    end if;
    return next;
  end loop;
end
$$;

comment on function capataz_ops._submit_ordered(capataz_ops.robot_request[], text[]) is
  'Submits checked requests one by one, in order of cache key.';
