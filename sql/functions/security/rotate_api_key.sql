-- capataz.rotate_api_key(p_key_id, p_overlap_seconds, p_expires_at) -> text: the new key, shown this once
--
-- Issues a key with the label and scopes of another one, which stays valid for p_overlap_seconds (0 to 31,536,000; a day) at
-- most, so that callers can change over (specification 5.1, ADR 0020). p_expires_at: of the new key, UTC; null: it lives as
-- long from now as the other one was to live from its issue, and never expires where that one never does.
-- Locks: module_registry row. Writes: module_registry; by trigger api_keys.
-- Raises: RB400 bad argument, RB404 unknown key, RB409 the key has expired or was revoked.
create or replace function capataz.rotate_api_key(
  p_key_id text,
  p_overlap_seconds bigint default 86400,
  p_expires_at timestamp default null
)
  returns text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_key capataz_ops.api_keys;
begin
  perform capataz_ops._check_text('key_id', p_key_id, 60, true);
  perform capataz_ops._check_number('overlap_seconds', p_overlap_seconds, 0, 31536000);
  v_key := capataz_ops._lock_key(p_key_id);
  if v_key.revoked_at is not null or v_key.expires_at <= v_now then
    raise exception using
      errcode = 'RB409',
      message = format('API key "%s" is no longer valid', p_key_id),
      detail = case when v_key.revoked_at is null then 'It has expired.' else 'It was revoked.' end,
      hint = 'Issue a new one with issue_api_key.';
  end if;

  perform capataz_ops._set_key(
    p_key_id,
    jsonb_build_object(
      'expires_at',
      least(v_key.expires_at, v_now + make_interval(secs => coalesce(p_overlap_seconds, 86400)::double precision))
    )
  );
  return capataz.issue_api_key(
    v_key.module_name, v_key.label, v_key.scopes, coalesce(p_expires_at, v_now + (v_key.expires_at - v_key.created_at))
  );
end
$$;

comment on function capataz.rotate_api_key(text, bigint, timestamp) is
  'Issues a key in the place of another one, which stays valid for a while. RB400, RB404, RB409.';
