-- capataz.routing_table: view, one row per robot type and module that can be given robots of that type
--
-- What the cache of that name holds, uncached (specification 4.1, 4.3, ADR 0018). Candidates are active, support the type
-- and are not UNHEALTHY. weight = performance_score (0.01 at least) x units x free share of them (0.01 at least); units =
-- max_concurrency, or, where a module has no limit, the greatest of the candidates for the type, 1 where none has a limit.
-- share = weight / sum of the weights of the type. The router reads this view; it has no other rule.
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz.routing_table
  with (security_invoker = true)
as
select
  s.robot_type,
  s.module_name,
  s.weight,
  s.weight / max(s.upto) over (partition by s.robot_type) as share,
  s.upto / max(s.upto) over (partition by s.robot_type) as cumulative_share
from (
  select
    w.robot_type,
    w.module_name,
    w.weight,
    sum(w.weight) over (partition by w.robot_type order by w.module_name) as upto
  from (
    select
      c.robot_type,
      c.module_name,
      c.score * c.free_share * coalesce(c.units, max(c.units) over (partition by c.robot_type), 1) as weight
    from (
      select
        t.robot_type,
        m.module_name,
        greatest(coalesce(m.performance_score, 1), 0.01)::double precision as score,
        greatest(1 - coalesce(m.capacity_utilization, 0), 0.01)::double precision as free_share,
        m.max_concurrency::double precision as units
      from capataz.module_registry as m
      cross join lateral (select distinct u.robot_type from unnest(m.supported_robot_types) as u (robot_type)) as t
      where m.is_active
        and m.health_status is distinct from 'UNHEALTHY'
    ) as c
  ) as w
) as s;

comment on view capataz.routing_table is 'Per robot type the modules that can take it, with weight and share. Live.';
comment on column capataz.routing_table.robot_type is 'Robot type.';
comment on column capataz.routing_table.module_name is 'A module that can take robots of this type now.';
comment on column capataz.routing_table.weight is 'Performance score x free capacity.';
comment on column capataz.routing_table.share is 'Share of the robots of this type that it is given, 0 to 1.';
comment on column capataz.routing_table.cumulative_share is
  'Sum of the shares up to this module, in order of name; the last one of a type is 1.';
