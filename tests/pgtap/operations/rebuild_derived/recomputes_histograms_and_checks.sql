-- Histograms, retried executions and checks of the minutes: destroyed or falsified, they come back as they were.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-08 20:00:00');

select capataz_test.module('D', '{"failure_threshold": 1000, "retry_policy": {"base_seconds": 0}}') as m \gset
create function pg_temp.figures() returns text language sql as $$
  select concat_ws(' ',
    (select row(m.success_rate_24h, m.error_count_24h, m.avg_processing_time_ms, m.uptime_percentage_24h)
     from capataz.module_registry as m where m.module_name = 'D'),
    (select jsonb_agg(to_jsonb(f) order by f.minute) from capataz_ops.module_minutes as f
     where f.module_name = 'D' and f.completed_count + f.failed_count + f.good_checks + f.failed_checks <> 0),
    (select jsonb_agg(to_jsonb(h) order by h.measure, h.period, h.period_start, h.bucket) from capataz_ops.module_histograms as h
     where h.module_name = 'D' and h.bucket_count <> 0))
$$;
-- two days ago and older, yesterday, today
select capataz_test.complete_some('D', 3, 40);
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status) values ('d-1', 'T', 'D', '{}', 'COMPLETED');
insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state, started_at, completed_at)
values (gen_random_uuid(), 'd-1', 'D', 'COMPLETED', '2026-03-04 10:00:00', '2026-03-04 10:00:10');
select capataz_test.set_clock('2026-03-09 20:00:00');
select capataz_test.complete_some('D', 2, 400);
select capataz_test.fail_some('D', 1);
select capataz.record_health_check('D', false);
select capataz_test.set_clock('2026-03-10 21:00:00');
select capataz.record_health_check('D', true);
select capataz_test.advance('1 minute');
select capataz.record_health_check('D', true);
select capataz.record_health_check('D', false);
select capataz_test.complete_some('D', 4, 4000);
select capataz_test.running('D', p_retry_limit => 1) as e \gset
select capataz.fail_execution(:'e', 'broken');
select capataz_test.advance('1 minute');
select execute_id as e from capataz.claim_robots('D') \gset
select capataz.fail_execution(:'e', 'broken');
-- a timeout, and another that was the last attempt
select capataz_test.running('D', p_timeout_seconds => 10) as e \gset
select capataz_test.running('D', p_timeout_seconds => 10, p_retry_limit => 0) as e \gset
select capataz_test.advance('1 minute');
select capataz.expire_executions();
select capataz.fold_counters();

create temporary table before on commit drop as select pg_temp.figures() as figures;
select matches((select figures from before), '^\(50.00,4,4000,66.67\) ', 'the figures before');
select is(
  (select sum(f.retried_count)::integer from capataz_ops.module_minutes as f where f.module_name = 'D'), 2, 'two were retried'
);
select is(
  (select array_agg(distinct h.period order by h.period) from capataz_ops.module_histograms as h where h.module_name = 'D'),
  '{day,hour}', 'there are hours and days'
);
select capataz.rebuild_derived();
select is(pg_temp.figures(), (select figures from before), 'nothing wrong: the same figures again');
delete from capataz_ops.module_minutes;
delete from capataz_ops.module_histograms;
select capataz.rebuild_derived();
select is(pg_temp.figures(), (select figures from before), 'all destroyed: the same figures again');
update capataz_ops.module_minutes
set retried_count = 5, good_checks = 7, failed_checks = 0, completed_count = 9;
update capataz_ops.module_histograms set bucket_count = 77;
insert into capataz_ops.module_minutes (module_name, minute, good_checks) values ('D', '2026-03-10 11:11', 3), ('Gone', '2026-03-10 11:11', 3);
insert into capataz_ops.module_histograms (module_name, measure, period, period_start, bucket, bucket_count)
values ('D', 'duration', 'hour', '2026-03-10 11:00', 3, 3), ('Gone', 'duration', 'hour', '2026-03-10 11:00', 3, 3);
insert into capataz_ops.module_deltas (module_name, minute, completed_count, durations, retried_count)
values ('D', '2026-03-10 11:00', 50, '{1,2,3}', 9);
select capataz.rebuild_derived();
select is(pg_temp.figures(), (select figures from before), 'all falsified: the same figures again');
select is_empty(
  $$select 1 from capataz_ops.module_minutes where module_name = 'Gone'
    union all select 1 from capataz_ops.module_histograms where module_name = 'Gone'$$,
  'figures of a module that is gone go too'
);
truncate capataz.robot_execute cascade;
select is(
  (select count(*)::integer from capataz_ops.module_histograms as h where h.module_name = 'D'), 0, 'no executions, no histograms'
);

select * from finish();
rollback;
