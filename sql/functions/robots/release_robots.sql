-- capataz.release_robots(p_execute_ids) -> integer
--
-- Hands robots back in order, as if they had not been claimed: PENDING again, no retry spent, execution CANCELLED.
-- Skips what is not active (ended otherwise, past its timeout, unknown) and counts the rest; what this very call released
-- before counts again, so that a repeated call gets the same answer.
-- Locks:  robots by robot_id, robot_execute. Writes: robots, robot_execute.
-- Raises: RB400 no array, or more than 10,000 ids; RB401; RB403 one of them is not yours.
create or replace function capataz.release_robots(p_execute_ids text[])
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_modules constant text[] := capataz_ops._scope('work');
begin
  if p_execute_ids is null or cardinality(p_execute_ids) > 10000 then
    raise exception using
      errcode = 'RB400',
      message = 'execute_ids must be an array of up to 10000 ids',
      detail = format('execute_ids has %s elements.', coalesce(cardinality(p_execute_ids)::text, 'null')),
      hint = 'Give the execute_ids that claim_robots returned.';
  end if;

  perform capataz_ops._refuse_foreign_executions(p_execute_ids, v_modules);
  perform capataz_ops._release_executions(p_execute_ids);
  return (
    select count(*)::integer
    from capataz.robot_execute as e
    where e.execute_id = any (p_execute_ids)
      and e.answered_status = 'PENDING'
  );
end
$$;

comment on function capataz.release_robots(text[]) is
  'Hands claimed robots back without spending a retry; returns how many. RB400, RB401, RB403.';
