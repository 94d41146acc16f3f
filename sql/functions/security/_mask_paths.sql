-- capataz_ops._mask_paths(p_data, p_tree) -> jsonb
--
-- A JSON value in which what is at a path of a tree (_path_tree) reads ***. As in lax JSON paths of SQL, a step by name goes
-- into each element of an array, and [*] or [0] of what is no array is the value itself. What no path meets stays. One walk
-- for all paths: time grows with the size of the value, and little with their number.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_paths(p_data jsonb, p_tree jsonb)
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_data jsonb := p_data;
  v_each jsonb;
  v_name text;
begin
  if p_tree ? '' then
    return '"***"'::jsonb;
  end if;

  -- names go into each element; places are those of this array alone. What is masked stays so, whatever is masked after it:
  -- branches may be gone one after the other
  if jsonb_typeof(p_data) = 'array' then
    foreach v_each in array array[
      case when p_tree ? 'names' then p_tree - array['places', '[*]', '[0]'] end, p_tree -> '[*]'
    ] loop
      if v_each is not null then
        v_data := coalesce(
          (
            select jsonb_agg(capataz_ops._mask_paths(e.value, v_each) order by e.place)
            from jsonb_array_elements(v_data) with ordinality as e (value, place)
          ),
          v_data
        );
      end if;
    end loop;
    for v_index in 0..coalesce(jsonb_array_length(p_tree -> 'places'), 0) - 1 loop
      v_name := p_tree -> 'places' ->> v_index;
      if v_name <> '[*]' and v_data -> btrim(v_name, '[]')::integer is not null then
        v_data := jsonb_set(
          v_data,
          array[btrim(v_name, '[]')],
          capataz_ops._mask_paths(v_data -> btrim(v_name, '[]')::integer, p_tree -> v_name)
        );
      end if;
    end loop;
    return v_data;
  end if;

  if p_tree ? '[*]' then
    v_data := capataz_ops._mask_paths(v_data, p_tree -> '[*]');
  end if;
  if p_tree ? '[0]' then
    v_data := capataz_ops._mask_paths(v_data, p_tree -> '[0]');
  end if;
  if jsonb_typeof(v_data) <> 'object' then
    return v_data;
  end if;
  if p_tree ? '.*' then
    v_data := coalesce(
      (
        select jsonb_object_agg(e.key, capataz_ops._mask_paths(e.value, p_tree -> '.*'))
        from jsonb_each(v_data) as e (key, value)
      ),
      v_data
    );
  end if;
  for v_index in 0..coalesce(jsonb_array_length(p_tree -> 'names'), 0) - 1 loop
    v_name := substr(p_tree -> 'names' ->> v_index, 2);
    if v_data ? v_name then
      v_data := jsonb_set(
        v_data, array[v_name], capataz_ops._mask_paths(v_data -> v_name, p_tree -> ('.' || v_name))
      );
    end if;
  end loop;
  return v_data;
end
$$;

comment on function capataz_ops._mask_paths(jsonb, jsonb) is 'A JSON value in which what is at a path of a tree is masked.';
