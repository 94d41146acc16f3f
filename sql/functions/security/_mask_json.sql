-- capataz_ops._mask_json(p_data, p_paths) -> jsonb
--
-- A JSON value as readers see it: what is at one of the paths, and what the detectors find, reads *** (ADR 0022). A value over
-- 512 KiB in which something is found is hidden whole: to mask it would take seconds.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_json(p_data jsonb, p_paths text[])
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_data jsonb := p_data;
  v_path text;
begin
  foreach v_path in array coalesce(p_paths, '{}'::text[]) loop
    v_data := capataz_ops._mask_at(v_data, capataz_ops._path_steps(v_path));
  end loop;
  if pg_column_size(v_data) > 524288 and capataz_ops._maybe_sensitive(v_data::text) then
    return '{"hidden": true}'::jsonb;
  end if;
  return capataz_ops._mask_found(v_data);
end
$$;

comment on function capataz_ops._mask_json(jsonb, text[]) is 'A JSON value as readers see it: what is sensitive reads ***.';
