-- capataz_ops._mask_text(p_text) -> text
--
-- A text in which what the detectors find reads ***. Null stays null.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_text(p_text text)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_text;
  v_match text;
begin
  if capataz_ops._maybe_sensitive(p_text) then
    for v_match in
      select s.match from capataz_ops._sensitive_matches(p_text) as s order by length(s.match) desc
    loop
      v_text := replace(v_text, v_match, '***');
    end loop;
  end if;
  return v_text;
end
$$;

comment on function capataz_ops._mask_text(text) is 'A text without what the detectors of sensitive data find.';
