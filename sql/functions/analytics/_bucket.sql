-- capataz_ops._bucket(p_value) -> smallint
--
-- The bucket of the histograms that a whole number belongs to (ADR 0017): 0 = zero, n = above 1.1^(n-1) up to 1.1^n; 1 is in
-- bucket 1. A bucket stands for 1.1^(n-0.5), which is within 5 % of all that is in it.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._bucket(p_value integer)
  returns smallint
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_value <= 0 then
    return 0::smallint;
  end if;
  return greatest(ceil(ln(p_value::double precision) / ln(1.1::double precision)), 1)::smallint;
end
$$;

comment on function capataz_ops._bucket(integer) is
  'The bucket of the histograms that a value belongs to.';
