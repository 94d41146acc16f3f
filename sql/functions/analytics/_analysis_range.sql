-- capataz_ops._analysis_range(p_from, p_to) -> one row (from_at, to_at, first_day, end_day)
--
-- The range that analytics read, in whole hours: p_to null = now, p_from null = 7 days before it; 400 days at most. Hours from
-- from_at to to_at; of these the days from first_day to before end_day are whole (first_day = end_day: none is). A range
-- that begins where hours are no longer kept begins with that day.
-- Locks: none. Writes: nothing. Raises: RB400 naming the field.
create or replace function capataz_ops._analysis_range(p_from timestamp, p_to timestamp)
  returns table (from_at timestamp, to_at timestamp, first_day date, end_day date)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_to constant timestamp := coalesce(p_to, v_now);
  v_from constant timestamp := coalesce(p_from, v_to - interval '7 days');
begin
  if not (isfinite(v_from) and isfinite(v_to))
     or v_from < '1970-01-01'
     or v_to > '9999-12-31'
     or v_from >= v_to
     or v_to - v_from > interval '400 days'
  then
    raise exception using
      errcode = 'RB400',
      message = 'from must lie before to, by 400 days at most',
      detail = format('from is %s, to is %s.', v_from, v_to),
      hint = 'Give times in UTC from 1970 to 9999, such as 2026-01-31T08:00:00; figures of hours are kept for a year, of days for 400 days.';
  end if;
  from_at := date_trunc(case when v_from < v_now - interval '365 days' then 'day' else 'hour' end, v_from);
  to_at := date_trunc('hour', v_to);
  if to_at < v_to then
    to_at := to_at + interval '1 hour';
  end if;
  first_day := from_at::date;
  if first_day < from_at then
    first_day := first_day + 1;
  end if;
  end_day := greatest(to_at::date, first_day);
  return next;
end
$$;

comment on function capataz_ops._analysis_range(timestamp, timestamp) is
  'Range in whole hours and days for analytics; RB400 names the field.';
