-- capataz.cancel_robot(p_robot_id, p_reason) -> robot_status_enum: FAILED
--
-- Cancels a robot that has not ended: FAILED with category CANCELLED; a running attempt is CANCELLED and its worker is told
-- RB409 at its next call. Repeatable: cancelling a cancelled robot changes nothing.
-- Locks:  robots row, robot_execute row. Writes: robots, robot_execute.
-- Raises: RB400 no id, RB401, RB403 not yours, RB404 unknown robot, RB409 it ended otherwise.
create or replace function capataz.cancel_robot(p_robot_id text, p_reason text default null)
  returns capataz.robot_status_enum
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_modules constant text[] := capataz_ops._scope('submit');
  v_robot record;
begin
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  perform capataz_ops._check_text('robot_id', p_robot_id, 50, true);

  perform capataz_ops._refuse_foreign_robot(p_robot_id, v_modules);

  select r.status, r.error_category into v_robot
  from capataz.robots as r
  where r.robot_id = p_robot_id
  for no key update;
  if not found then
    perform capataz_ops._raise_no_robot(p_robot_id);
  elsif v_robot.status = 'FAILED' and v_robot.error_category = 'CANCELLED' then
    return 'FAILED'::capataz.robot_status_enum;
  elsif v_robot.status in ('COMPLETED', 'FAILED') then
    raise exception using
      errcode = 'RB409',
      message = format('robot "%s" has ended', p_robot_id),
      detail = format('status is %s.', v_robot.status),
      hint = 'Only PENDING, PROCESSING and RETRYING robots can be cancelled.';
  end if;

  with cancelled as (
    update capataz.robot_execute as e
    set execution_state = 'CANCELLED',
        error_category = 'CANCELLED',
        error_message = coalesce(left(capataz_ops._clean_text(p_reason), 10000), 'cancelled')
    where e.robot_id = p_robot_id
      and e.completed_at is null
  )
  update capataz.robots as r
  set status = 'FAILED',
      error_category = 'CANCELLED',
      error_details = jsonb_strip_nulls(jsonb_build_object(
        'type', 'CANCELLED', 'message', left(capataz_ops._clean_text(p_reason), 10000), 'cancelled_by', capataz_ops._caller_name()
      ))
  where r.robot_id = p_robot_id;
  return 'FAILED'::capataz.robot_status_enum;
end
$$;

comment on function capataz.cancel_robot(text, text) is
  'Cancels a robot that has not ended: FAILED with category CANCELLED. RB400, RB401, RB403, RB404, RB409.';
