-- capataz_ops._fold_steps(p_limit) -> integer: deltas it moved
--
-- Moves up to p_limit committed step_deltas into step_days. A module has at most 200 names of steps a day; the time of
-- further ones is kept under the name (other), so totals stay exact.
-- Locks:  step_deltas rows (skip locked), step_days rows. Writes: both. Raises: nothing.
create or replace function capataz_ops._fold_steps(p_limit integer)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_moved integer;
begin
  with moved as (
    delete from capataz_ops.step_deltas as d
    where d.ctid = any (array(
      select s.ctid
      from capataz_ops.step_deltas as s
      limit p_limit
      for update skip locked
    ))
    returning d.*
  ), summed as materialized (
    select
      d.module_name, d.hour::date as day, extract(hour from d.hour)::integer as hour, d.step_category, d.step_name,
      sum(d.step_count)::bigint as step_count, sum(d.total_ms)::bigint as total_ms, max(d.max_ms) as max_ms, count(*) as deltas
    from moved as d
    group by 1, 2, 3, 4, 5
  ), names as materialized (
    select
      s.module_name, s.day, s.step_category, s.step_name,
      k.step_name is not null as is_known,
      row_number() over (
        partition by s.module_name, s.day, k.step_name is not null order by sum(s.total_ms) desc, s.step_category, s.step_name
      ) as place
    from summed as s
    left join capataz_ops.step_days as k
      on k.module_name = s.module_name
      and k.day = s.day
      and k.step_category = s.step_category
      and k.step_name = s.step_name
    group by s.module_name, s.day, s.step_category, s.step_name, k.step_name
  ), known as materialized (
    select n.module_name, n.day, count(k.step_name) as names
    from (select distinct n.module_name, n.day from names as n where not n.is_known) as n
    left join capataz_ops.step_days as k on k.module_name = n.module_name and k.day = n.day
    group by n.module_name, n.day
  ), named as (
    select
      s.module_name, s.day, s.hour, s.step_category,
      case when n.is_known or n.place + k.names <= 200 then s.step_name else '(other)' end as step_name,
      s.step_count, s.total_ms, s.max_ms
    from summed as s
    join names as n
      on n.module_name = s.module_name
      and n.day = s.day
      and n.step_category = s.step_category
      and n.step_name = s.step_name
    left join known as k on k.module_name = s.module_name and k.day = s.day
  ), kept as (
    insert into capataz_ops.step_days as f (
      module_name, day, step_category, step_name, step_count, total_ms, max_ms, hour_counts, hour_ms
    )
    select
      n.module_name, n.day, n.step_category, n.step_name, sum(n.step_count), sum(n.total_ms), max(n.max_ms),
      capataz_ops._by_hour(array_agg(n.hour), array_agg(n.step_count)),
      capataz_ops._by_hour(array_agg(n.hour), array_agg(n.total_ms))
    from named as n
    group by n.module_name, n.day, n.step_category, n.step_name
    order by n.module_name, n.day, n.step_category, n.step_name
    on conflict (module_name, day, step_category, step_name) do update set
      step_count = f.step_count + excluded.step_count,
      total_ms = f.total_ms + excluded.total_ms,
      max_ms = greatest(f.max_ms, excluded.max_ms),
      hour_counts = capataz_ops._add_hours(f.hour_counts, excluded.hour_counts),
      hour_ms = capataz_ops._add_hours(f.hour_ms, excluded.hour_ms)
  )
  select coalesce(sum(s.deltas), 0)::integer into v_moved
  from summed as s;
  return v_moved;
end
$$;

comment on function capataz_ops._fold_steps(integer) is 'Moves committed step_deltas into step_days; returns how many.';
