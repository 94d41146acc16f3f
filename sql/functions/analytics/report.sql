-- capataz.report(p_kind, p_date) -> jsonb: object
--
-- The report of the day, week (from Monday) or month that p_date lies in; null: the last that was stored. Reports of periods
-- that are over are stored ones: the same figures whenever they are asked for. That of the period under way is built from
-- what is known so far, and says so: is_final is false (specification 5.2; ADR 0027; docs/reports.md describes the document).
-- A report that was stored while the clock was ahead counts as none: its period may not have been over.
-- p_kind: daily, weekly or monthly.
-- Locks: none. Writes: nothing.
-- Raises: RB400 bad argument, RB401, RB403 you may not reach every module, RB404 there is no such report.
create or replace function capataz.report(p_kind text, p_date date default null)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_period record;
  v_document jsonb;
begin
  perform capataz_ops._require_fleet();
  select q.from_at, q.to_at into v_period
  from capataz_ops._report_period(p_kind, p_date) as q;

  select r.document into v_document
  from capataz_ops.reports as r
  where r.report_kind = p_kind
    and not capataz_ops._is_ahead(r.built_at)
    and (p_date is null or r.period_start = v_period.from_at::date)
  order by r.period_start desc
  limit 1;
  if found then
    return v_document;
  end if;
  if v_now >= v_period.from_at and v_now < v_period.to_at then
    return capataz_ops._report_document(p_kind, v_period.from_at, v_period.to_at);
  end if;
  raise exception using
    errcode = 'RB404',
    message = format('there is no %s report%s', p_kind, ' of ' || v_period.from_at::date),
    detail = format(
      'The last %s report is %s.', p_kind,
      coalesce((
        select max(r.period_start)::text
        from capataz_ops.reports as r
        where r.report_kind = p_kind
          and not capataz_ops._is_ahead(r.built_at)
      ), 'not built yet')
    ),
    hint = 'Reports are built by jobs once the period is over; list_reports shows them. Ask for a day of today''s period to see it so far.';
end
$$;

comment on function capataz.report(text, date) is
  'A report: stored, or of the period under way so far. RB400, RB401, RB403, RB404.';
