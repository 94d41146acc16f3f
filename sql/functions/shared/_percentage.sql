-- capataz_ops._percentage(p_good, p_bad) -> numeric
--
-- Percent of the good among good and bad, two decimals; 100.00 where there are none (specification 3.1: success_rate_24h,
-- uptime_percentage_24h).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._percentage(p_good numeric, p_bad numeric)
  returns numeric
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_good + p_bad > 0 then round(100 * p_good / (p_good + p_bad), 2) else 100.00 end;
end
$$;

comment on function capataz_ops._percentage(numeric, numeric) is
  'Percent of the good among good and bad; 100.00 where there are none.';
