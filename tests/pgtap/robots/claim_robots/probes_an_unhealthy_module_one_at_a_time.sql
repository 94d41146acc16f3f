-- An UNHEALTHY module gets one probe robot at a time until one succeeds (design 6).
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('I', '{"failure_threshold": 2}') as m \gset
select capataz_test.fail_some('I', 2);
select capataz_test.robots('I', 20, '{"retry_limit": 0}');
create temporary table c on commit drop as select * from capataz.claim_robots('I', 10);
select is((select count(*)::integer from c), 1, 'one probe, however many are wanted');
select is_empty($$select * from capataz.claim_robots('I', 10)$$, 'no second probe meanwhile');
select capataz.fail_execution((select execute_id from c), 'still broken');
select is((capataz_test.module_row('I')).health_status::text, 'UNHEALTHY', 'the probe failed');
truncate c;
insert into c select * from capataz.claim_robots('I', 10);
select is((select count(*)::integer from c), 1, 'the next probe');
select capataz.release_robots(array[(select execute_id from c)]);
truncate c;
insert into c select * from capataz.claim_robots('I', 10);
select is((select count(*)::integer from c), 1, 'a probe that was handed back gives way to the next');
select capataz.complete_execution((select execute_id from c));
select is((capataz_test.module_row('I')).health_status::text, 'HEALTHY', 'a probe that succeeds heals the module');
select is((select count(*)::integer from capataz.claim_robots('I', 10)), 10, 'all work flows again');
update capataz.module_registry set health_status = 'UNHEALTHY' where module_name = 'I';
select capataz.complete_execution(execute_id) from capataz.robot_execute where module_name = 'I' and completed_at is null;
truncate c;
insert into c select * from capataz.claim_robots('I', 10);
select is(
  (select count(*)::integer from c), case (capataz_test.module_row('I')).health_status when 'UNHEALTHY' then 1 else 8 end,
  'the claim goes by the health the row shows'
);
select capataz.complete_execution(execute_id) from c;
select is((capataz_test.module_row('I')).health_status::text, 'HEALTHY', 'a success also lifts UNHEALTHY that was set by hand');

select * from finish();
rollback;
