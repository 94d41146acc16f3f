-- capataz.finish_idempotent(p_idempotency_key, p_response) -> void
--
-- The gateway stores the answer to a request that begin_idempotent let through, in the same transaction (ADR 0023).
-- Locks:  idempotency_keys row. Writes: idempotency_keys.
-- Raises: RB400 bad argument, RB401, RB403 no scope submit, RB404 begin_idempotent was not called.
create or replace function capataz.finish_idempotent(p_idempotency_key text, p_response text)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_key_id constant text := (capataz_ops._key_of_caller('submit')).key_id;
begin
  perform capataz_ops._check_text('idempotency_key', p_idempotency_key, 255, true);
  if p_response is null then
    raise exception using
      errcode = 'RB400',
      message = 'response is required',
      detail = 'response is null.',
      hint = 'Give the answer as it is sent.';
  end if;
  update capataz_ops.idempotency_keys as i
  set response = p_response
  where i.key_id = v_key_id
    and i.idempotency_key = p_idempotency_key
    and i.response is null;
  if not found then
    raise exception using
      errcode = 'RB404',
      message = 'no request under way has this idempotency key',
      detail = format('idempotency_key is "%s".', p_idempotency_key),
      hint = 'Call begin_idempotent first, in the same transaction.';
  end if;
end
$$;

comment on function capataz.finish_idempotent(text, text) is
  'The gateway stores the answer to a request with an idempotency key. RB400, RB401, RB403, RB404.';
