-- capataz_ops._mask_at(p_data, p_steps) -> jsonb
--
-- A JSON value in which what is at a path (_path_steps) reads ***. As in lax JSON paths of SQL, a step by name goes into each
-- element of an array, and [*] or [0] of what is no array is the value itself. What the path does not meet stays.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_at(p_data jsonb, p_steps text[])
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind constant text := jsonb_typeof(p_data);
  v_step constant text := p_steps[1];
  v_name constant text := substr(p_steps[1], 2);
begin
  if v_step is null then
    return '"***"'::jsonb;
  elsif v_step like '[%' and v_kind <> 'array' then
    return case when v_step in ('[*]', '[0]') then capataz_ops._mask_at(p_data, p_steps[2:]) else p_data end;
  elsif v_kind = 'array' then
    return coalesce(
      (
        select jsonb_agg(
          case
            when v_step like '.%' then capataz_ops._mask_at(e.value, p_steps)
            when v_step = '[*]' or v_step = format('[%s]', e.place - 1) then capataz_ops._mask_at(e.value, p_steps[2:])
            else e.value
          end
          order by e.place
        )
        from jsonb_array_elements(p_data) with ordinality as e (value, place)
      ),
      p_data
    );
  elsif v_kind <> 'object' then
    return p_data;
  elsif v_step = '.*' then
    return coalesce(
      (select jsonb_object_agg(e.key, capataz_ops._mask_at(e.value, p_steps[2:])) from jsonb_each(p_data) as e (key, value)),
      p_data
    );
  elsif p_data ? v_name then
    return jsonb_set(p_data, array[v_name], capataz_ops._mask_at(p_data -> v_name, p_steps[2:]));
  end if;
  return p_data;
end
$$;

comment on function capataz_ops._mask_at(jsonb, text[]) is 'A JSON value in which what is at a path is masked.';
