-- capataz_ops._listed(p_names) -> text
--
-- Names for a message, each once, in order: up to ten of them, or "no module".
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._listed(p_names text[])
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_names constant text[] := array(select distinct n.name from unnest(p_names) as n (name) order by n.name);
begin
  return case
    when v_names = '{}'::text[] then 'no module'
    when cardinality(v_names) <= 10 then array_to_string(v_names, ', ')
    else array_to_string(v_names[1:10], ', ') || format(' and %s more', cardinality(v_names) - 10)
  end;
end
$$;

comment on function capataz_ops._listed(text[]) is 'Names of modules for a message.';
