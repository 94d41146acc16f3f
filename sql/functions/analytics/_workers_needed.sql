-- capataz_ops._workers_needed(p_per_second, p_service_seconds, p_wait_seconds) -> integer
--
-- The least number of attempts at once with which robots that come in at random wait no longer than p_wait_seconds on average
-- (Erlang C: M/M/c). From 5,000 at once on the exact sum takes long and the square root of the load is margin enough.
-- Null where nothing comes in or takes time.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._workers_needed(
  p_per_second double precision,
  p_service_seconds double precision,
  p_wait_seconds double precision
)
  returns integer
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_load constant double precision := p_per_second * p_service_seconds;
  v_blocked double precision := 1.0::double precision;
  v_waiting double precision;
  v_workers integer := 0;
begin
  if v_load <= 0 then
    return null;
  elsif v_load > 5000 then
    return least(ceil(v_load + sqrt(v_load)), 2147483647)::integer;
  end if;
  loop
    v_workers := v_workers + 1;
    v_blocked := v_load * v_blocked / (v_workers + v_load * v_blocked);
    continue when v_workers <= v_load;
    v_waiting := v_workers * v_blocked / (v_workers - v_load * (1 - v_blocked));
    exit when v_waiting * p_service_seconds / (v_workers - v_load) <= p_wait_seconds;
  end loop;
  return v_workers;
end
$$;

comment on function capataz_ops._workers_needed(double precision, double precision, double precision) is
  'How many attempts at once keep the mean wait below a limit.';
