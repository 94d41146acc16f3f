-- capataz_ops._payload_view(p_module_name, p_classification, p_is_sensitive) -> text: full, masked, checked or hidden
--
-- How much of a robot's payload the caller sees (specification 5.1, ADR 0022). Where it does not see it in full anyway:
-- hidden  security_classification is none of STANDARD, PUBLIC, INTERNAL; or security_level of the module is neither OPEN nor
--         BASIC; or sensitive data was found and a flag in compliance_flags of the module is set
-- checked a flag is set, and nothing was found yet: what is sensitive all the same hides the column it is in (metadata, say)
-- full    security_level OPEN
-- masked  security_level BASIC: what is sensitive reads ***
-- A flag is set by whatever is neither false nor null: "true" or {"hipaa": true} protect no less than true.
-- Locks: none. Writes: nothing. Raises: RB401 gateway without a valid key.
create or replace function capataz_ops._payload_view(p_module_name text, p_classification text, p_is_sensitive boolean)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_module record;
begin
  if capataz_ops._sees_payload(p_module_name) then
    return 'full';
  end if;
  select
    m.security_level,
    exists (
      select
      from jsonb_each(m.compliance_flags) as f (name, value)
      where f.value not in ('false', 'null')
    ) as is_flagged
  into v_module
  from capataz.module_registry as m
  where m.module_name = p_module_name;
  return case
    when coalesce(p_classification, 'STANDARD') not in ('STANDARD', 'PUBLIC', 'INTERNAL') then 'hidden'
    when coalesce(v_module.security_level, 'BASIC') not in ('OPEN', 'BASIC') then 'hidden'
    when v_module.is_flagged then case when p_is_sensitive then 'hidden' else 'checked' end
    when v_module.security_level = 'OPEN' then 'full'
    else 'masked'
  end;
end
$$;

comment on function capataz_ops._payload_view(text, text, boolean) is
  'How much of a robot''s payload the caller sees: full, masked, checked or hidden.';
