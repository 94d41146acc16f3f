-- capataz_ops._listed(p_names) -> text
--
-- Names for a message: up to ten of them, or "no module".
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._listed(p_names text[])
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when coalesce(cardinality(p_names), 0) = 0 then 'no module'
    when cardinality(p_names) <= 10 then array_to_string(p_names, ', ')
    else array_to_string(p_names[1:10], ', ') || format(' and %s more', cardinality(p_names) - 10)
  end;
end
$$;

comment on function capataz_ops._listed(text[]) is 'Names of modules for a message.';
