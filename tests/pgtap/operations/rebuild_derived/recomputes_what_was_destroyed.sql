-- Derived state is destroyed or falsified; rebuild_derived gives the same figures again, from the three tables alone.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('C', '{"max_concurrency": 9, "failure_threshold": 3}') as m \gset
select capataz_test.complete_some('C', 3, 1500);
select capataz_test.fail_some('C', 2);
select capataz_test.running('C') as e \gset
select capataz.fold_counters();
create function pg_temp.figures() returns text language sql as $$
  select concat_ws(' ', m.error_count_24h, m.success_rate_24h, m.avg_processing_time_ms, m.total_robots_processed, m.total_processing_time_hours,
    m.consecutive_failures, m.health_status, m.capacity_utilization,
    (select sum(p.free_count) from capataz_ops.module_permits as p where p.module_name = 'C'),
    (select to_jsonb(s) from capataz_ops.module_settings as s where s.module_name = 'C'),
    (select jsonb_agg(to_jsonb(f) order by f.minute) from capataz_ops.module_minutes as f where f.module_name = 'C'))
  from capataz.module_registry as m where m.module_name = 'C'
$$;
create temporary table before on commit drop as select pg_temp.figures() as figures;
select matches((select figures from before), '^2 60.00 1500 5 0.00 2 UNKNOWN 0.11 8 ', 'the figures before');
delete from capataz_ops.module_settings;
delete from capataz_ops.module_state;
delete from capataz_ops.module_permits;
delete from capataz_ops.module_minutes;
delete from capataz_ops.module_deltas;
update capataz.module_registry set error_count_24h = 77, success_rate_24h = 1, avg_processing_time_ms = 7, total_robots_processed = 0, capacity_utilization = 1 where module_name = 'C';
select capataz.rebuild_derived();
select is(pg_temp.figures(), (select figures from before), 'all destroyed: the same figures again');
update capataz_ops.module_minutes set completed_count = 1000, failed_count = 7;
insert into capataz_ops.module_minutes (module_name, minute, completed_count) values ('C', '2026-03-10 11:00', 50);
insert into capataz_ops.module_deltas (module_name, minute, completed_count) values ('C', '2026-03-10 11:00', 50);
update capataz_ops.module_permits set free_count = 100;
select capataz.rebuild_derived();
select is(pg_temp.figures(), (select figures from before), 'minutes, deltas and permits falsified: the same figures again');
update capataz_ops.module_settings set failure_threshold = 1, max_concurrency = 1, timeout_seconds = 1;
select capataz.rebuild_derived();
select is(pg_temp.figures(), (select figures from before), 'settings falsified: the same figures again');
select capataz.complete_execution(:'e');
select capataz.rebuild_derived();
select is((capataz_test.module_row('C')).total_robots_processed, 6, 'work goes on from there');
select is((capataz_test.module_row('C')).consecutive_failures, 0, 'with the failures in a row');
delete from capataz.robots where module_name = 'C' and status = 'COMPLETED';
select capataz.rebuild_derived();
select is((capataz_test.module_row('C')).total_robots_processed, 6, 'totals outlive the history');
select is((capataz_test.module_row('C')).success_rate_24h, 0.00, 'windows do not');

select * from finish();
rollback;
