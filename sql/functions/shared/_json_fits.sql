-- capataz_ops._json_fits(p_value) -> boolean
--
-- Whether a JSON argument is at most 4 MiB (binary size) and at most 100 levels deep; null is. What a caller reads from a
-- table of his own may arrive compressed: it is measured as it is. Each container takes 8 bytes or more, so that a value
-- of up to 800 bytes that is not compressed fits: callers look at that first, and call this for the others only.
-- Locks: none. Writes: nothing. Raises: nothing.   (specification 5.1: input validation)
create or replace function capataz_ops._json_fits(p_value jsonb)
  returns boolean
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_value constant jsonb := p_value #> '{}';  -- decompressed
begin
  if pg_column_size(v_value) > 800 then
    return pg_column_size(v_value) <= 4194304
      and not jsonb_path_exists(v_value, 'strict $.**{100} ? (@.type() == "array" || @.type() == "object")');
  end if;
  return true;
end
$$;

comment on function capataz_ops._json_fits(jsonb) is
  'Whether a JSON argument is at most 4 MiB and at most 100 levels deep.';
