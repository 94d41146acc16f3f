-- capataz_ops._performance_tier(p_score, p_tier) -> performance_tier_enum
--
-- The tier of a score: HIGH from 0.90, MEDIUM from 0.70, LOW from 0.40, else CRITICAL. A module in tier p_tier leaves it
-- only where the score is past the boundary by 0.03, so that it does not flap (ADR 0017); null: it is in none yet.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._performance_tier(p_score numeric, p_tier capataz.performance_tier_enum)
  returns capataz.performance_tier_enum
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_margin constant numeric := 0.03;
begin
  return (
    select t.tier::capataz.performance_tier_enum
    from (
      values ('HIGH', 0.90, 2), ('MEDIUM', 0.70, 0.90), ('LOW', 0.40, 0.70), ('CRITICAL', -1, 0.40)
    ) as t (tier, lowest, below)
    cross join lateral (
      select coalesce(t.tier = p_tier::text, false) as is_own
    ) as o
    where p_score >= t.lowest - case when o.is_own then c_margin else 0 end
      and p_score < t.below + case when o.is_own then c_margin else 0 end
    order by o.is_own desc
    limit 1
  );
end
$$;

comment on function capataz_ops._performance_tier(numeric, capataz.performance_tier_enum) is
  'The performance tier of a score, with hysteresis.';
