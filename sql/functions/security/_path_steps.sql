-- capataz_ops._path_steps(p_path) -> text[]
--
-- The steps of a JSON path of registration_data.sensitive_paths: $ and then .name, ."any name", .*, [*] or [n], each step as
-- it is written, names without quotes. Null for anything else.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._path_steps(p_path text)
  returns text[]
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_path !~ '^\$(\.\*|\.[A-Za-z_][A-Za-z0-9_]*|\."[^"\\]{1,100}"|\[\*\]|\[(?:0|[1-9][0-9]{0,8})\]){1,50}$' then
    return null;
  end if;
  return array(
    select case when m.found[1] like '."%' then '.' || substr(m.found[1], 3, length(m.found[1]) - 3) else m.found[1] end
    from regexp_matches(
      p_path, '(\.\*|\.[A-Za-z_][A-Za-z0-9_]*|\."[^"\\]{1,100}"|\[\*\]|\[(?:0|[1-9][0-9]{0,8})\])', 'g'
    ) with ordinality as m (found, place)
    order by m.place
  );
end
$$;

comment on function capataz_ops._path_steps(text) is 'The steps of a JSON path of sensitive_paths; null for anything else.';
