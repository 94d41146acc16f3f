-- capataz_ops._shown_json(p_view, p_data, p_paths) -> jsonb
--
-- A JSON payload as it is shown: full, masked (sensitive values read ***), checked (full where there are none, else hidden), or
-- hidden ({"hidden": true}); null stays null.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._shown_json(p_view text, p_data jsonb, p_paths text[])
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_data is null or p_view = 'full' then p_data
    when p_view = 'masked' then capataz_ops._mask_json(p_data, p_paths)
    when p_view = 'checked' and capataz_ops._mask_json(p_data, p_paths) = p_data then p_data
    else '{"hidden": true}'::jsonb
  end;
end
$$;

comment on function capataz_ops._shown_json(text, jsonb, text[]) is 'A JSON payload as the caller may see it.';
