-- capataz_ops._raise_refusal(p_execute_id, p_action) -> robot_status_enum
--
-- Raises why a call with an execute_id was refused; returns the answer given before where the call is a repetition.
-- Locks: none. Writes: nothing.
-- Raises: RB400 no id, RB404 unknown, RB409 ended, past its timeout, or in a state that does not allow the call.
create or replace function capataz_ops._raise_refusal(p_execute_id text, p_action text)
  returns capataz.robot_status_enum
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_refusal record;
begin
  perform capataz_ops._check_text('execute_id', p_execute_id, 50, true);
  select r.* into v_refusal
  from capataz_ops._refusals(array[p_execute_id], p_action) as r;
  if v_refusal.code is not null then
    raise exception using
      errcode = v_refusal.code,
      message = v_refusal.message,
      detail = v_refusal.detail,
      hint = v_refusal.hint;
  end if;
  return v_refusal.status;
end
$$;

comment on function capataz_ops._raise_refusal(text, text) is
  'Raises why a call with an execute_id was refused, or gives the earlier answer again.';
