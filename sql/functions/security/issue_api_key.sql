-- capataz.issue_api_key(p_module_name, p_label, p_scopes, p_expires_at) -> text: the key, shown this once
--
-- Issues an API key for a module (specification 5.1, ADR 0020): cpz_<id>_<secret>. Only its SHA-256 is stored, in
-- registration_data.api_keys. p_scopes: of submit, work, read, admin (which includes all). p_expires_at: UTC; null = never.
-- Locks: module_registry row. Writes: module_registry; by trigger api_keys.
-- Raises: RB400 bad argument, RB404 unknown module.
create or replace function capataz.issue_api_key(
  p_module_name text,
  p_label text,
  p_scopes text[],
  p_expires_at timestamp default null
)
  returns text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_scopes constant text[] := array['submit', 'work', 'read', 'admin'];
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._check_text('label', p_label, 100, true);
  if coalesce(array_ndims(p_scopes), 0) <> 1
     or array_position(p_scopes, null) is not null
     or not p_scopes <@ c_scopes
  then
    raise exception using
      errcode = 'RB400',
      message = 'scopes is not usable',
      detail = format('scopes is %s.', coalesce(left(p_scopes::text, 60), 'null')),
      hint = 'Give one or more of submit, work, read, admin.';
  end if;
  if p_expires_at <= capataz.utc_now() or not isfinite(p_expires_at) then
    raise exception using
      errcode = 'RB400',
      message = 'expires_at must be a finite time in the future',
      detail = format('expires_at is %s, now it is %s UTC.', p_expires_at, capataz.utc_now()),
      hint = 'Give a time in UTC, or null for a key that does not expire.';
  end if;
  return capataz_ops._new_key(
    p_module_name,
    p_label,
    array(select s.scope from unnest(c_scopes) with ordinality as s (scope, place) where s.scope = any (p_scopes) order by s.place),
    p_expires_at
  );
end
$$;

comment on function capataz.issue_api_key(text, text, text[], timestamp) is
  'Issues an API key for a module and shows it this once. RB400, RB404.';
