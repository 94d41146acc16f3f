-- capataz_ops._report_errors(p_from, p_to) -> jsonb: object
--
-- Why executions FAILED, and where (specification 5.2: error pattern analysis); no message of any. The period of the same
-- length before is told along; null, and no trend, where that begins before there was a module.
-- categories   error_category with its count, before, and trend: new, growing (half as much again), shrinking, steady, vanished
-- places       the 20 pairs of module, category and step with most failures
-- hours        what ended and what failed by weekday (1 = Monday) and hour of the day, UTC
-- From the days of analytics (error_patterns): as of their last fold.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._report_errors(p_from timestamp, p_to timestamp)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_has_before constant boolean := capataz_ops._has_before(p_from, p_to);
  v_errors jsonb;
begin
  with failures as materialized (
    select
      e.module_name, e.error_category as category, coalesce(e.step_name, '') as step, sum(e.error_count)::bigint as failed,
      case when v_has_before then sum(e.previous_count)::bigint end as failed_before
    from capataz.error_patterns(p_from, p_to) as e
    group by e.module_name, e.error_category, coalesce(e.step_name, '')
  ), categories as (
    select f.category, sum(f.failed)::bigint as failed, sum(f.failed_before)::bigint as failed_before
    from failures as f
    group by f.category
  ), places as (
    select f.module_name, f.category, f.step, f.failed, f.failed_before
    from failures as f
    where f.failed > 0
    order by f.failed desc, f.module_name, f.category, f.step
    limit 20
  ), hours as (
    select
      extract(isodow from h.hour)::integer as weekday,
      extract(hour from h.hour)::integer as hour,
      sum(h.completed_count + h.failed_count)::bigint as ended,
      sum(h.failed_count)::bigint as failed
    from capataz_ops._ended_hours(p_from, p_to) as h
    group by 1, 2
  )
  select jsonb_build_object(
    'categories', coalesce((
      select
        jsonb_agg(
          jsonb_build_object(
            'category', c.category,
            'failed', c.failed,
            'failed_before', c.failed_before,
            'trend', case
              when not v_has_before then null
              when c.failed = 0 then 'vanished'
              when c.failed_before = 0 then 'new'
              when c.failed >= 1.5 * c.failed_before then 'growing'
              when 1.5 * c.failed <= c.failed_before then 'shrinking'
              else 'steady'
            end
          )
          order by c.failed desc, c.failed_before desc, c.category
        )
      from categories as c
      where c.failed > 0
        or c.failed_before > 0
    ), '[]'::jsonb),
    'places', coalesce((
      select
        jsonb_agg(
          jsonb_build_object(
            'module', p.module_name, 'category', p.category, 'step', nullif(p.step, ''), 'failed', p.failed,
            'failed_before', p.failed_before
          )
          order by p.failed desc, p.module_name, p.category, p.step
        )
      from places as p
    ), '[]'::jsonb),
    'hours', coalesce((
      select
        jsonb_agg(
          jsonb_build_object('weekday', h.weekday, 'hour', h.hour, 'ended', h.ended, 'failed', h.failed)
          order by h.weekday, h.hour
        )
      from hours as h
      where h.ended > 0
    ), '[]'::jsonb)
  )
  into v_errors;
  return v_errors;
end
$$;

comment on function capataz_ops._report_errors(timestamp, timestamp) is
  'Why and where executions FAILED, against the period before.';
