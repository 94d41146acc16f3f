-- capataz_ops._trim_module(p_module_name) -> void
--
-- Drops minutes after 48 hours and days of the histograms after 8 days; hours of the histograms become part of their day
-- after 48 hours (ADR 0017). The caller holds the module's row.
-- Locks:  module_minutes, type_minutes, module_histograms rows. Writes: the same. Raises: nothing.
create or replace function capataz_ops._trim_module(p_module_name text)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
begin
  delete from capataz_ops.module_minutes as f
  where f.module_name = p_module_name
    and f.minute <= date_trunc('minute', v_now) - interval '48 hours';

  delete from capataz_ops.type_minutes as f
  where f.module_name = p_module_name
    and f.minute <= date_trunc('minute', v_now) - interval '48 hours';

  with moved as (
    delete from capataz_ops.module_histograms as h
    where h.module_name = p_module_name
      and h.measure in ('duration', 'efficiency')
      and h.period = 'hour'
      and h.period_start < date_trunc('hour', v_now) - interval '48 hours'
    returning h.measure, h.period_start, h.bucket, h.bucket_count
  )
  insert into capataz_ops.module_histograms as h (module_name, measure, period, period_start, bucket, bucket_count)
  select p_module_name, d.measure, 'day', date_trunc('day', d.period_start), d.bucket, sum(d.bucket_count)
  from moved as d
  group by d.measure, date_trunc('day', d.period_start), d.bucket
  on conflict (module_name, measure, period, period_start, bucket) do update set
    bucket_count = h.bucket_count + excluded.bucket_count;

  delete from capataz_ops.module_histograms as h
  where h.module_name = p_module_name
    and h.measure in ('duration', 'efficiency')
    and h.period = 'day'
    and h.period_start < date_trunc('day', v_now) - interval '8 days';
end
$$;

comment on function capataz_ops._trim_module(text) is
  'Drops old minutes and histograms of a module, and merges old hours into days.';
