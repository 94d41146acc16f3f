-- capataz.retry_robot(p_robot_id) -> robot_status_enum: PENDING
--
-- Gives a FAILED robot a new life: PENDING, retry_count 0, due now; its last error stays readable.
-- Locks:  robots row. Writes: robots.
-- Raises: RB400 no id, RB401, RB403 not yours, RB404 unknown robot, RB409 it is not FAILED.
create or replace function capataz.retry_robot(p_robot_id text)
  returns capataz.robot_status_enum
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope('admin');
  v_status capataz.robot_status_enum;
begin
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  perform capataz_ops._check_text('robot_id', p_robot_id, 50, true);
  perform capataz_ops._refuse_foreign_robot(p_robot_id, v_modules);

  update capataz.robots as r
  set status = 'PENDING'
  where r.robot_id = p_robot_id
    and r.status = 'FAILED';
  if found then
    return 'PENDING'::capataz.robot_status_enum;
  end if;

  select r.status into v_status
  from capataz.robots as r
  where r.robot_id = p_robot_id;
  if not found then
    perform capataz_ops._raise_no_robot(p_robot_id);
  end if;
  raise exception using
    errcode = 'RB409',
    message = format('robot "%s" is not FAILED', p_robot_id),
    detail = format('status is %s.', v_status),
    hint = 'Only FAILED robots can be retried.';
end
$$;

comment on function capataz.retry_robot(text) is
  'Makes a FAILED robot PENDING again with all its retries. RB400, RB401, RB403, RB404, RB409.';
