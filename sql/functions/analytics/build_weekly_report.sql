-- capataz.build_weekly_report() -> integer: reports that it built
--
-- Job: stores the report of the last week that is over, and of those before it that were missed: the same over a week, and the patterns of its errors
-- (specification 5.2; ADR 0027). A report that is there is never rewritten: called twice, it builds nothing.
-- Locks:  as fold_counters and fold_analytics. Writes: reports, and what these write. Raises: RB401, RB403 you may not reach every module.
create or replace function capataz.build_weekly_report()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz_ops._require_fleet();
  return capataz_ops._build_reports('weekly');
end
$$;

comment on function capataz.build_weekly_report() is
  'Job: stores the report of the last week, and of those missed; returns how many. RB401, RB403.';
