-- capataz.step_analysis() -> rows, per module the steps in which most time went first
--
-- Where time goes (specification 4.2: bottlenecks by step category): the last 7 days, today included, per module, category and
-- name of step. share: percent of the time that the module's executions took; category_share: the same for all steps of the
-- category. change: percent by which a step takes longer on average than in the 7 days before. is_bottleneck: the step of
-- the module in which most time went. A row without category and name is time in no step, of a module that names steps. Steps
-- count when they end, whatever becomes of the attempt: failed, cancelled or still under way; as of the last
-- fold_analytics (a minute).
-- Locks: none. Writes: nothing. Raises: RB401, RB403.
create or replace function capataz.step_analysis()
  returns table (
    module_name varchar(100),
    step_category capataz.step_category_enum,
    step_name varchar(100),
    step_count bigint,
    total_ms bigint,
    avg_ms bigint,
    max_ms bigint,
    share numeric,
    category_share numeric,
    previous_avg_ms bigint,
    change numeric,
    is_bottleneck boolean
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_today constant date := capataz.utc_now()::date;
begin
  return query
  with steps as materialized (
    select
      m.module_name, s.step_category, s.step_name, s.step_count, s.total_ms, s.max_ms, s.old_count, s.old_ms
    from capataz.module_registry as m
    cross join lateral (
      select
        d.step_category, d.step_name,
        coalesce(sum(d.step_count) filter (where d.day > v_today - 7), 0)::bigint as step_count,
        coalesce(sum(d.total_ms) filter (where d.day > v_today - 7), 0)::bigint as total_ms,
        max(d.max_ms) filter (where d.day > v_today - 7) as max_ms,
        sum(d.step_count) filter (where d.day <= v_today - 7) as old_count,
        sum(d.total_ms) filter (where d.day <= v_today - 7) as old_ms
      from capataz_ops.step_days as d
      where d.module_name = m.module_name
        and d.day > v_today - 14
      group by d.step_category, d.step_name
    ) as s
    where (v_modules is null or m.module_name = any (v_modules))
      and s.step_count > 0
  ), totals as materialized (
    select
      s.module_name,
      sum(s.total_ms) as steps_ms,
      (
        select sum(d.completed_ms + d.failed_ms)
        from capataz_ops.type_days as d
        where d.module_name = s.module_name
          and d.day > v_today - 7
      ) as ended_ms
    from steps as s
    group by s.module_name
  ), rows as (
    select s.module_name, s.step_category, s.step_name, s.step_count, s.total_ms, s.max_ms, s.old_count, s.old_ms
    from steps as s
    union all
    select t.module_name, null, null, null, (t.ended_ms - t.steps_ms)::bigint, null, null, null
    from totals as t
    where t.ended_ms > t.steps_ms
  )
  select
    r.module_name, r.step_category, r.step_name, r.step_count, r.total_ms, r.total_ms / nullif(r.step_count, 0), r.max_ms,
    round(100.0 * r.total_ms / nullif(greatest(t.ended_ms, t.steps_ms), 0), 2),
    round(
      100.0 * sum(r.total_ms) over (partition by r.module_name, r.step_category)
      / nullif(greatest(t.ended_ms, t.steps_ms), 0), 2
    ),
    (r.old_ms / nullif(r.old_count, 0))::bigint,
    round(100 * (r.total_ms::numeric / nullif(r.step_count, 0) / nullif(r.old_ms / nullif(r.old_count, 0), 0) - 1), 1),
    r.step_name is not null
      and row_number() over (
        partition by r.module_name order by r.step_name is null, r.step_name = '(other)', r.total_ms desc, r.step_name
      ) = 1
  from rows as r
  join totals as t on t.module_name = r.module_name
  order by r.module_name, r.total_ms desc, r.step_category, r.step_name;
end
$$;

comment on function capataz.step_analysis() is
  'Where time goes, per module, step category and step, with the bottleneck. RB401, RB403.';
