-- capataz_ops._has_path(p_data, p_path) -> boolean
--
-- Whether there is a value at a path of sensitive_paths (lax: see _mask_paths) that is not null.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._has_path(p_data jsonb, p_path text)
  returns boolean
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_path text;
begin
  select '$' || string_agg(case when s.step like '.%' and s.step <> '.*' then '.' || to_json(substr(s.step, 2)) else s.step end, '' order by s.place)
  into v_path
  from unnest(capataz_ops._path_steps(p_path)) with ordinality as s (step, place);
  return jsonb_path_exists(p_data, (v_path || ' ? (@ != null)')::jsonpath);
end
$$;

comment on function capataz_ops._has_path(jsonb, text) is 'Whether there is a value at a path of sensitive_paths.';
