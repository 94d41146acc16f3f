-- capataz_ops._trend_range(p_from, p_to, p_step_seconds) -> one row (from_at, to_at, step, is_hourly)
--
-- The range that functions of trends read: p_to null = now, p_from null = a day before it, p_step_seconds null = at most
-- 240 steps. Steps are whole minutes and begin at multiples of themselves. is_hourly: hours are read, minutes where they
-- are not rolled up yet: for steps of an hour or more, and for what lies more than 30 days back.
-- Locks: none. Writes: nothing. Raises: RB400 naming the field.
create or replace function capataz_ops._trend_range(p_from timestamp, p_to timestamp, p_step_seconds bigint)
  returns table (from_at timestamp, to_at timestamp, step interval, is_hourly boolean)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_to constant timestamp := coalesce(p_to, v_now);
  v_from constant timestamp := coalesce(p_from, v_to - interval '1 day');
  v_seconds bigint;
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
      hint = 'Give times in UTC from 1970 to 9999, such as 2026-01-31T08:00:00; trends are kept for a year.';
  end if;
  perform capataz_ops._check_number('step_seconds', p_step_seconds, 60, 31536000);
  v_seconds := coalesce(p_step_seconds, ceil(extract(epoch from v_to - v_from) / 240)::bigint);
  v_seconds := (v_seconds + 59) / 60 * 60;
  is_hourly := v_seconds >= 3600 or v_from < v_now - interval '30 days';
  if is_hourly then
    v_seconds := (v_seconds + 3599) / 3600 * 3600;
  end if;
  if extract(epoch from v_to - v_from) / v_seconds > 2000 then
    raise exception using
      errcode = 'RB400',
      message = 'these are more than 2000 steps',
      detail = format('from is %s, to is %s, step_seconds is %s.', v_from, v_to, v_seconds),
      hint = 'Give a greater step_seconds, or leave it out.';
  end if;
  step := make_interval(secs => v_seconds);
  from_at := date_bin(step, v_from, timestamp '2001-01-01');
  to_at := v_to;
  return next;
end
$$;

comment on function capataz_ops._trend_range(timestamp, timestamp, bigint) is
  'Range, step and source for functions of trends; RB400 names the field.';
