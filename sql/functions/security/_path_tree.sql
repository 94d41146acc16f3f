-- capataz_ops._path_tree(p_paths) -> jsonb
--
-- JSON paths of registration_data.sensitive_paths as one tree: an object per step (_path_steps), with a key for each step that
-- may follow, these keys in lists too, names (.a, .*) and places ([1], [*]), and the key "" where a path ends. What is no such
-- path ends at once: all is sensitive then.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._path_tree(p_paths text[])
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tree jsonb := '{}'::jsonb;
  v_path text;
  v_steps text[];
  v_list text[];
begin
  foreach v_path in array coalesce(p_paths, '{}'::text[]) loop
    v_steps := coalesce(capataz_ops._path_steps(v_path), '{}'::text[]);
    for v_depth in 1..cardinality(v_steps) loop
      if v_tree #> v_steps[1:v_depth] is null then
        v_list := v_steps[1:v_depth - 1] || case when v_steps[v_depth] like '.%' then 'names' else 'places' end;
        v_tree := jsonb_set(v_tree, v_steps[1:v_depth], '{}'::jsonb);
        v_tree := jsonb_set(
          v_tree, v_list, coalesce(v_tree #> v_list, '[]'::jsonb) || to_jsonb(v_steps[v_depth])
        );
      end if;
    end loop;
    v_tree := jsonb_set(v_tree, v_steps || ''::text, 'true'::jsonb);
  end loop;
  return v_tree;
end
$$;

comment on function capataz_ops._path_tree(text[]) is 'JSON paths of sensitive_paths as one tree of steps.';
