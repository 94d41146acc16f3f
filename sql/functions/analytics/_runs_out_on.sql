-- capataz_ops._runs_out_on(p_day, p_limit, p_growth, p_level) -> date
--
-- The day on which what is p_level on p_day and grows by p_growth a day reaches p_limit; p_day where it has; null where it does
-- not within ten years, or there is no limit.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._runs_out_on(
  p_day date,
  p_limit double precision,
  p_growth double precision,
  p_level double precision
)
  returns date
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_level >= p_limit then p_day
    when p_growth > 0 and (p_limit - p_level) / p_growth <= 3652 then p_day + ceil((p_limit - p_level) / p_growth)::integer
  end;
end
$$;

comment on function capataz_ops._runs_out_on(date, double precision, double precision, double precision) is
  'The day on which something that grows reaches a limit.';
