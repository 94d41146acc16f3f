-- capataz.list_reports(p_kind, p_limit) -> rows, one per stored report, the latest first
--
-- Period from period_start until before period_end (days, UTC); what ended in it, how many findings it has.
-- Without those that were stored while the clock was ahead: they are built anew.
-- p_kind: daily, weekly or monthly; null for all. p_limit: 1 to 10000.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 you may not reach every module.
create or replace function capataz.list_reports(p_kind text default null, p_limit bigint default 100)
  returns table (
    kind text,
    period_start date,
    period_end date,
    built_at timestamp,
    completed_count bigint,
    failed_count bigint,
    finding_count integer
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform capataz_ops._require_fleet();
  perform capataz_ops._check_enum('kind', p_kind, array['daily', 'weekly', 'monthly']);
  perform capataz_ops._check_number('limit', p_limit, 1, 10000);
  return query
  select
    r.report_kind, r.period_start, r.period_end, r.built_at,
    (r.document #>> '{summary,completed}')::bigint,
    (r.document #>> '{summary,failed}')::bigint,
    jsonb_array_length(r.document -> 'findings')
  from capataz_ops.reports as r
  where not capataz_ops._is_ahead(r.built_at)
    and (p_kind is null or r.report_kind = p_kind)
  order by r.period_start desc, r.report_kind
  limit coalesce(p_limit, 100);
end
$$;

comment on function capataz.list_reports(text, bigint) is
  'The stored reports, the latest first. RB400, RB401, RB403.';
