-- capataz_ops._report_period(p_kind, p_date) -> one row (from_at, to_at): the day, week (from Monday) or month that a date lies in
--
-- Locks: none. Writes: nothing. Raises: RB400 no kind, or none of daily, weekly, monthly; RB400 a date that is not usable.
create or replace function capataz_ops._report_period(p_kind text, p_date date)
  returns table (from_at timestamp, to_at timestamp)
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz_ops._check_text('kind', p_kind, 20, true);
  perform capataz_ops._check_enum('kind', p_kind, array['daily', 'weekly', 'monthly']);
  if p_date not between date '2000-01-01' and date '9999-01-01' then
    raise exception using
      errcode = 'RB400',
      message = 'date is out of range',
      detail = format('date is %s.', p_date),
      hint = 'Give a day such as 2026-01-31.';
  end if;
  return query
  select u.start_at, u.start_at + u.length
  from (
    select date_trunc(k.unit, p_date::timestamp) as start_at, k.length
    from (
      values ('daily', 'day', interval '1 day'), ('weekly', 'week', interval '1 week'), ('monthly', 'month', interval '1 month')
    ) as k (kind, unit, length)
    where k.kind = p_kind
  ) as u;
end
$$;

comment on function capataz_ops._report_period(text, date) is
  'The day, week or month that a date lies in. RB400.';
