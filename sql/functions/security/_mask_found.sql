-- capataz_ops._mask_found(p_data) -> jsonb
--
-- A JSON value in which what the detectors find reads ***: in texts, numbers and names of keys. Names that become equal are
-- kept apart by a number.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_found(p_data jsonb)
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind constant text := jsonb_typeof(p_data);
  v_text text;
begin
  if not capataz_ops._maybe_sensitive(p_data::text) then
    return p_data;
  elsif v_kind = 'string' then
    return to_jsonb(capataz_ops._mask_text(p_data #>> '{}'));
  elsif v_kind = 'number' then
    v_text := p_data #>> '{}';
    return case when capataz_ops._mask_text(v_text) = v_text then p_data else '"***"'::jsonb end;
  elsif v_kind = 'array' then
    return (
      select jsonb_agg(capataz_ops._mask_found(e.value) order by e.place)
      from jsonb_array_elements(p_data) with ordinality as e (value, place)
    );
  end if;
  return (
    select jsonb_object_agg(
      case when m.place > 1 then format('%s (%s)', m.name, m.place) else m.name end, capataz_ops._mask_found(m.value)
    )
    from (
      select n.name, n.value, row_number() over (partition by n.name order by n.key) as place
      from (
        select e.key, e.value, capataz_ops._mask_text(e.key) as name
        from jsonb_each(p_data) as e (key, value)
      ) as n
    ) as m
  );
end
$$;

comment on function capataz_ops._mask_found(jsonb) is
  'A JSON value without what the detectors of sensitive data find.';
