-- capataz.fold_counters() -> integer
--
-- Makes the windows, histograms and totals of every module exact as of now, adopts and reconciles permits, writes
-- capacity_utilization, and drops what is too old (_trim_module, _drop_idempotency_keys). Returns how many modules it folded
-- (specification 3.1).
-- Safe at any time, by anyone, twice at once; it waits for nobody: a module whose row is locked at that moment is being
-- folded by whoever holds it, or is left for the next time.
-- Locks:  module_permits, idempotency_keys, module_registry rows by name (all skip locked).
-- Writes: idempotency_keys, and what _fold_module writes.
-- Raises: nothing.
create or replace function capataz.fold_counters()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_from constant timestamp := date_trunc('minute', v_now) - interval '24 hours';
  v_module record;
  v_folded integer := 0;
begin
  for v_module in
    select s.module_name
    from capataz_ops.module_settings as s
    where s.max_concurrency is not null
    order by s.module_name
  loop
    perform capataz_ops._reconcile_permits(v_module.module_name);
  end loop;
  perform capataz_ops._drop_idempotency_keys();

  for v_module in
    select s.module_name, o.is_old
    from capataz_ops.module_state as s
    -- minutes are dropped about once an hour, an hour late
    cross join lateral (
      select
        exists (
          select
          from capataz_ops.module_minutes as f
          where f.module_name = s.module_name
            and f.minute <= v_from - interval '25 hours'
        )
        or exists (
          select
          from capataz_ops.module_histograms as h
          where h.module_name = s.module_name
            and h.measure in ('duration', 'efficiency')
            and h.period = 'hour'
            and h.period_start < date_trunc('hour', v_now) - interval '48 hours'
        )
        or exists (
          select
          from capataz_ops.module_histograms as h
          where h.module_name = s.module_name
            and h.measure in ('duration', 'efficiency')
            and h.period = 'day'
            and h.period_start < date_trunc('day', v_now) - interval '8 days'
        ) as is_old
    ) as o
    where o.is_old
      or exists (
        select from capataz_ops.module_deltas as d where d.module_name = s.module_name
      )
      or exists (
        select from capataz_ops.type_deltas as d where d.module_name = s.module_name
      )
      or s.window_from <> v_from
        and exists (
          select
          from capataz_ops.module_minutes as f
          where f.module_name = s.module_name
            and f.minute > least(s.window_from, v_from)
            and f.minute <= greatest(s.window_from, v_from)
        )
    order by s.module_name
  loop
    if capataz_ops._fold_module(v_module.module_name, false) then
      v_folded := v_folded + 1;
      if v_module.is_old then
        perform capataz_ops._trim_module(v_module.module_name);
      end if;
    end if;
  end loop;

  with other as materialized (
    select m.module_name, u.utilization
    from (
      select
        s.module_name,
        case
          when s.max_concurrency is null then 0.00
          else round(least(greatest(1 - coalesce(sum(p.free_count), 0)::numeric / s.max_concurrency, 0), 1), 2)
        end as utilization
      from capataz_ops.module_settings as s
      left join capataz_ops.module_permits as p on p.module_name = s.module_name
      group by s.module_name, s.max_concurrency
    ) as u
    join capataz.module_registry as m on m.module_name = u.module_name
    where m.capacity_utilization is distinct from u.utilization
    order by m.module_name
    for no key update of m skip locked
  )
  update capataz.module_registry as m
  set capacity_utilization = o.utilization
  from other as o
  where m.module_name = o.module_name;
  return v_folded;
end
$$;

comment on function capataz.fold_counters() is
  'Makes windows, totals and capacity of every module exact; returns how many modules it folded.';
