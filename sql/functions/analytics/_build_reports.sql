-- capataz_ops._build_reports(p_kind) -> integer: reports that it built
--
-- Builds the report of the last period that is over, and of those before it that nobody built, since the first module was
-- registered: 31 days, 8 weeks or 12 months back. What is there already is never touched, so it may be called at any time,
-- twice at once; except what a clock that was ahead built (_is_ahead): that is built anew. Weeks and months are made of days:
-- those are built first. Counters are folded only where something of the period waits for it.
-- Locks:  as fold_counters and fold_analytics. Writes: reports, and what these write. Raises: nothing.
create or replace function capataz_ops._build_reports(p_kind text)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_period record;
  v_built integer := 0;
  v_is_folded boolean := false;
  v_rows integer;
begin
  if p_kind <> 'daily' then
    perform capataz_ops._build_reports('daily');
  end if;
  for v_period in
    select p.from_at, p.to_at
    from (
      select distinct q.from_at, q.to_at
      from (
        select min(m.registered_at) as first_at
        from capataz.module_registry as m
        having count(*) > 0
      ) as f
      cross join lateral generate_series(
        greatest(
          f.first_at,
          v_now - case p_kind
            when 'daily' then interval '31 days' when 'weekly' then interval '8 weeks' else interval '12 months'
          end
        )::date,
        v_now::date,
        interval '1 day'
      ) as d (day)
      cross join lateral capataz_ops._report_period(p_kind, d.day::date) as q
      where q.to_at <= v_now
    ) as p
    where not exists (
      select
      from capataz_ops.reports as r
      where r.report_kind = p_kind
        and r.period_start = p.from_at::date
        and not capataz_ops._is_ahead(r.built_at)
    )
    order by p.from_at
  loop
    if not v_is_folded then
      perform capataz.fold_analytics();
      v_is_folded := true;
    end if;
    -- it holds rows of modules until this call ends: only where something of the period is not in the counters yet
    if exists (select from capataz_ops.module_deltas as d where d.minute < v_period.to_at) then
      perform capataz.fold_counters();
    end if;
    insert into capataz_ops.reports as r (report_kind, period_start, period_end, document)
    values (
      p_kind, v_period.from_at::date, v_period.to_at::date,
      capataz_ops._report_document(p_kind, v_period.from_at, v_period.to_at)
    )
    on conflict (report_kind, period_start) do update
    set period_end = excluded.period_end,
        built_at = excluded.built_at,
        document = excluded.document
    where capataz_ops._is_ahead(r.built_at);
    get diagnostics v_rows = row_count;
    v_built := v_built + v_rows;
  end loop;
  return v_built;
end
$$;

comment on function capataz_ops._build_reports(text) is
  'Builds the reports of a kind that are due and not there; returns how many.';
