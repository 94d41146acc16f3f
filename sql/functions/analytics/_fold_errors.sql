-- capataz_ops._fold_errors(p_limit) -> integer: deltas it moved
--
-- Moves up to p_limit committed error_deltas into error_days; of each message its fingerprint remains. A module has at most
-- 200 kinds of errors a day (category, step, fingerprint); further ones are counted under the fingerprint (other), by
-- category, so totals stay exact.
-- Locks:  error_deltas rows (skip locked), error_days rows. Writes: both. Raises: nothing.
create or replace function capataz_ops._fold_errors(p_limit integer)
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
    delete from capataz_ops.error_deltas as d
    where d.ctid = any (array(
      select s.ctid
      from capataz_ops.error_deltas as s
      limit p_limit
      for update skip locked
    ))
    returning d.*
  ), messages as materialized (  -- the same text is told once; no text and an empty one are the same
    select m.error_message, capataz_ops._fingerprint(m.error_message) as fingerprint
    from (select distinct coalesce(d.error_message, '') as error_message from moved as d) as m
  ), summed as materialized (
    select
      d.module_name, d.hour::date as day, extract(hour from d.hour)::integer as hour, d.error_category,
      coalesce(d.step_category::text, '') as step_category, coalesce(d.step_name, '') as step_name, m.fingerprint,
      sum(d.sign) as error_count, max(d.execute_id) as last_execute_id, count(*) as deltas
    from moved as d
    join messages as m on m.error_message = coalesce(d.error_message, '')
    group by 1, 2, 3, 4, 5, 6, 7
  ), kinds as materialized (
    select
      s.module_name, s.day, s.error_category, s.step_category, s.step_name, s.fingerprint,
      k.fingerprint is not null as is_known,
      row_number() over (
        partition by s.module_name, s.day, k.fingerprint is not null
        order by sum(s.error_count) desc, s.error_category, s.step_category, s.step_name, s.fingerprint
      ) as place
    from summed as s
    left join capataz_ops.error_days as k
      on k.module_name = s.module_name
      and k.day = s.day
      and k.error_category = s.error_category
      and k.step_category = s.step_category
      and k.step_name = s.step_name
      and k.fingerprint = s.fingerprint
    group by s.module_name, s.day, s.error_category, s.step_category, s.step_name, s.fingerprint, k.fingerprint
  ), known as materialized (
    select n.module_name, n.day, count(k.fingerprint) as kinds
    from (select distinct n.module_name, n.day from kinds as n where not n.is_known) as n
    left join capataz_ops.error_days as k on k.module_name = n.module_name and k.day = n.day
    group by n.module_name, n.day
  ), named as (
    select
      s.module_name, s.day, s.hour, s.error_category,
      case when o.is_own then s.step_category else '' end as step_category,
      case when o.is_own then s.step_name else '' end as step_name,
      case when o.is_own then s.fingerprint else '(other)' end as fingerprint,
      s.error_count, s.last_execute_id
    from summed as s
    join kinds as n
      on n.module_name = s.module_name
      and n.day = s.day
      and n.error_category = s.error_category
      and n.step_category = s.step_category
      and n.step_name = s.step_name
      and n.fingerprint = s.fingerprint
    left join known as k on k.module_name = s.module_name and k.day = s.day
    cross join lateral (select n.is_known or n.place + k.kinds <= 200 as is_own) as o
  ), kept as (
    insert into capataz_ops.error_days as f (
      module_name, day, error_category, step_category, step_name, fingerprint, error_count, hour_counts, last_execute_id
    )
    select
      n.module_name, n.day, n.error_category, n.step_category, n.step_name, n.fingerprint, sum(n.error_count),
      capataz_ops._by_hour(array_agg(n.hour), array_agg(n.error_count)), max(n.last_execute_id)
    from named as n
    group by n.module_name, n.day, n.error_category, n.step_category, n.step_name, n.fingerprint
    order by n.module_name, n.day, n.error_category, n.step_category, n.step_name, n.fingerprint
    on conflict (module_name, day, error_category, step_category, step_name, fingerprint) do update set
      error_count = f.error_count + excluded.error_count,
      hour_counts = capataz_ops._add_hours(f.hour_counts, excluded.hour_counts),
      last_execute_id = greatest(f.last_execute_id, excluded.last_execute_id)
  )
  select coalesce(sum(s.deltas), 0)::integer into v_moved
  from summed as s;
  return v_moved;
end
$$;

comment on function capataz_ops._fold_errors(integer) is 'Moves committed error_deltas into error_days; returns how many.';
