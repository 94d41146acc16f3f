-- capataz.begin_idempotent(p_idempotency_key, p_function_name, p_request_sha256) -> text: the answer given before, or null
--
-- The gateway asks whether the API key has sent this request before (specification 5.1, ADR 0023). Null: it has not, or not
-- within 24 hours: carry it out and call finish_idempotent in the same transaction. Two at once take turns: the second waits
-- for the first to commit, and then gets its answer; where the first is undone, the second carries the request out.
-- p_request_sha256: of function and arguments, 64 hexadecimal digits.
-- Locks:  idempotency_keys row. Writes: idempotency_keys.
-- Raises: RB400 bad argument, RB401, RB403 no scope submit, RB409 the key was used for another request.
create or replace function capataz.begin_idempotent(p_idempotency_key text, p_function_name text, p_request_sha256 text)
  returns text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_key_id constant text := (capataz_ops._key_of_caller('submit')).key_id;
  v_earlier record;
begin
  perform capataz_ops._check_text('idempotency_key', p_idempotency_key, 255, true);
  perform capataz_ops._check_text('function_name', p_function_name, 63, true);
  if p_request_sha256 ~ '^[0-9a-f]{64}$' is not true then
    raise exception using
      errcode = 'RB400',
      message = 'request_sha256 must have 64 hexadecimal digits',
      detail = format('request_sha256 is %s.', coalesce(to_json(left(p_request_sha256, 70))::text, 'null')),
      hint = 'Give the SHA-256 of the arguments, in lower case.';
  end if;

  insert into capataz_ops.idempotency_keys as i (key_id, idempotency_key, function_name, request_sha256, created_at)
  values (v_key_id, p_idempotency_key, p_function_name, p_request_sha256, v_now)
  on conflict (key_id, idempotency_key) do update set
    function_name = excluded.function_name,
    request_sha256 = excluded.request_sha256,
    response = null,
    created_at = excluded.created_at
  where i.response is null
    or i.created_at <= v_now - interval '24 hours';
  if found then
    return null;
  end if;

  select i.function_name, i.request_sha256, i.response into v_earlier
  from capataz_ops.idempotency_keys as i
  where i.key_id = v_key_id
    and i.idempotency_key = p_idempotency_key;
  if v_earlier.function_name <> p_function_name or v_earlier.request_sha256 <> p_request_sha256 then
    raise exception using
      errcode = 'RB409',
      message = 'the idempotency key was used for another request',
      detail = format('idempotency_key is "%s".', p_idempotency_key),
      hint = 'Send a new key with each new request, and the same key only with the very same request.';
  end if;
  return v_earlier.response;
end
$$;

comment on function capataz.begin_idempotent(text, text, text) is
  'The gateway asks for the answer it gave to the same request before; null = carry it out. RB400, RB401, RB403, RB409.';
