-- capataz_ops._median_of_others(p_sorted, p_place) -> numeric
--
-- The median of sorted values without the one at p_place (from 1); null where there is no other.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._median_of_others(p_sorted numeric[], p_place bigint)
  returns numeric
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_others constant integer := cardinality(p_sorted) - 1;
  v_low integer := (v_others + 1) / 2;
  v_high integer := v_others / 2 + 1;
begin
  if p_place is null or v_others < 1 then
    return null;
  end if;
  v_low := v_low + case when v_low >= p_place then 1 else 0 end;
  v_high := v_high + case when v_high >= p_place then 1 else 0 end;
  return (p_sorted[v_low] + p_sorted[v_high]) / 2;
end
$$;

comment on function capataz_ops._median_of_others(numeric[], bigint) is
  'The median of sorted values without one of them.';
