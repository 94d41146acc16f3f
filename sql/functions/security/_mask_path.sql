-- capataz_ops._mask_path(p_data, p_steps) -> jsonb
--
-- A document with *** in place of every value at a path, given as steps: {"name"}, {"index"} or {"any": "." or "[]"}. Lax, as
-- PostgreSQL reads JSON paths: a name reaches into the elements of an array, and [*] and [0] of what is no array is itself.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_path(p_data jsonb, p_steps jsonb[])
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type constant text := jsonb_typeof(p_data);
  v_step constant jsonb := p_steps[1];
  v_rest constant jsonb[] := p_steps[2:];
  v_name constant text := p_steps[1] ->> 'name';
begin
  if cardinality(p_steps) = 0 then
    return '"***"';

  elsif v_step ->> 'any' = '[]' or v_step ? 'index' then
    if v_type <> 'array' then
      return case
        when v_step ->> 'any' = '[]' or v_step ->> 'index' = '0' then capataz_ops._mask_path(p_data, v_rest)
        else p_data
      end;
    elsif v_step ? 'index' then
      return case
        when (v_step ->> 'index')::integer < jsonb_array_length(p_data)
          then jsonb_set(
            p_data, array[v_step ->> 'index'], capataz_ops._mask_path(p_data -> (v_step ->> 'index')::integer, v_rest)
          )
        else p_data
      end;
    end if;
    return (
      select coalesce(jsonb_agg(capataz_ops._mask_path(e.element, v_rest) order by e.place), '[]')
      from jsonb_array_elements(p_data) with ordinality as e (element, place)
    );

  elsif v_type = 'object' then
    if v_name is not null then
      return case
        when p_data ? v_name
          then jsonb_set(p_data, array[v_name], capataz_ops._mask_path(p_data -> v_name, v_rest))
        else p_data
      end;
    end if;
    return (
      select coalesce(jsonb_object_agg(m.key, capataz_ops._mask_path(m.value, v_rest)), '{}')
      from jsonb_each(p_data) as m (key, value)
    );

  elsif v_type = 'array' then
    return (
      select coalesce(
        jsonb_agg(
          case
            when jsonb_typeof(e.element) <> 'object' or not e.element ? v_name then e.element
            else capataz_ops._mask_path(e.element, p_steps)
          end
          order by e.place
        ),
        '[]'
      )
      from jsonb_array_elements(p_data) with ordinality as e (element, place)
    );
  end if;
  return p_data;
end
$$;

comment on function capataz_ops._mask_path(jsonb, jsonb[]) is
  'A document with *** in place of every value at a path.';
