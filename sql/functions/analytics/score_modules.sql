-- capataz.score_modules() -> integer
--
-- Computes performance_score and performance_tier of every module from the figures of the last fold (specification 3.1,
-- ADR 0017): see explain_score for what a score is made of. A module with fewer than 20 executions ended within 24 h keeps
-- its score. Returns how many modules have another score or tier now.
-- Safe at any time, by anyone, twice at once; it computes without locks and waits for nobody: a module whose row is locked
-- at the end is left for the next time.
-- Locks:  module_registry rows by name, module_state rows (skip locked). Writes: module_registry, module_state.
-- Raises: nothing.
create or replace function capataz.score_modules()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_changed integer;
begin
  with computed as materialized (
    select
      m.module_name,
      s.samples,
      case when not s.is_kept then s.score end as score
    from capataz.module_registry as m
    cross join lateral (
      select
        least(greatest(round(sum(f.contribution), 2), 0), 1) as score,
        max(f.samples) as samples,
        bool_or(f.factor = 'kept_score') as is_kept
      from capataz_ops._score_factors(m.module_name) as f
    ) as s
  ), mine as materialized (
    select
      c.module_name, c.samples, c.score,
      m.performance_score, m.performance_tier,
      t.last_scored_at is not null as was_scored
    from computed as c
    join capataz.module_registry as m on m.module_name = c.module_name
    join capataz_ops.module_state as t on t.module_name = c.module_name
    order by c.module_name
    for no key update of m, t skip locked
  ), scored as (
    select
      n.module_name, n.samples, n.score is not null as is_scored, n.performance_score, n.performance_tier,
      coalesce(n.score, n.performance_score) as new_score,
      case
        when n.score is null then n.performance_tier
        -- the tier that a module has by default is none that it could leave
        else capataz_ops._performance_tier(n.score, case when n.was_scored then n.performance_tier end)
      end as new_tier
    from mine as n
  ), noted as (
    update capataz_ops.module_state as t
    set score_samples = s.samples,
        last_scored_at = case when s.is_scored then capataz.utc_now() else t.last_scored_at end
    from scored as s
    where t.module_name = s.module_name
  ), written as (
    update capataz.module_registry as m
    set performance_score = s.new_score,
        performance_tier = s.new_tier,
        last_performance_check = capataz.utc_now()
    from scored as s
    where m.module_name = s.module_name
  )
  select count(*)::integer into v_changed
  from scored as s
  where (s.new_score, s.new_tier) is distinct from (s.performance_score, s.performance_tier);
  return v_changed;
end
$$;

comment on function capataz.score_modules() is
  'Computes performance score and tier of every module; returns how many have another one now. Run by a job.';
