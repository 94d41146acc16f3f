-- capataz.set_module_security(p_module_name, p_security_level, p_compliance_flags) -> void
--
-- Decides what readers who do not work for a module see of what its robots carry (specification 3.1, 5.1, ADR 0022).
-- p_security_level: OPEN everything; BASIC (default) sensitive values masked; STRICT nothing. null: as it is.
-- p_compliance_flags: an object such as {"GDPR": true}, which replaces the flags: with any flag that is neither
-- false nor null, payloads in which sensitive data is found are hidden whole. null: as they are.
-- Locks: module_registry row. Writes: module_registry.
-- Raises: RB400 bad argument, RB404 unknown module.
create or replace function capataz.set_module_security(
  p_module_name text,
  p_security_level text default null,
  p_compliance_flags jsonb default null
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._check_enum('security_level', p_security_level, array['OPEN', 'BASIC', 'STRICT']);
  perform capataz_ops._check_json('compliance_flags', p_compliance_flags, true);

  update capataz.module_registry as m
  set security_level = coalesce(p_security_level, m.security_level),
      compliance_flags = coalesce(p_compliance_flags, m.compliance_flags)
  where m.module_name = p_module_name;
  if not found then
    perform capataz_ops._raise_unknown_module(p_module_name);
  end if;
end
$$;

comment on function capataz.set_module_security(text, text, jsonb) is
  'Decides what readers see of what a module''s robots carry. RB400, RB404.';
