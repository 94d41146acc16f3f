-- Waiting routed robots leave a module that cannot work; pinned ones, running ones and one probe stay (ADR 0016).
begin;
select plan(17);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Sick', '{"failure_threshold": 1, "breaker": {"cooldown_seconds": 30}}') as m \gset
select count(*) from capataz.submit_robots((
  select jsonb_agg(jsonb_build_object('robot_type', 'T', 'robot_id', 'routed-' || g)) from generate_series(1, 5) as g
));
select capataz_test.robots('Sick', 2, '{"priority": "HIGH"}');
create temporary table c on commit drop as select * from capataz.claim_robots('Sick', 3);
select is(capataz.move_waiting_robots(), 0, 'nobody is sick');
select capataz.fail_execution((select execute_id from c limit 1), 'x', p_retryable => false);
select is((capataz_test.module_row('Sick')).health_status::text, 'UNHEALTHY', 'sick');
select is(capataz.move_waiting_robots(), 0, 'nobody else can do it');

select capataz_test.module('Well') as m \gset
select capataz_test.module('Other', '{}', array['U']) as m \gset
select is(capataz.move_waiting_robots(), 3, 'all that was routed and waits, but for one');
select is(
  (select count(*)::integer from capataz.robots where module_name = 'Well' and status = 'PENDING' and is_routed), 3,
  'to the module of their type'
);
select is((select count(*)::integer from capataz.robots where module_name = 'Sick' and status = 'PROCESSING'), 2, 'what runs stays');
select is((select count(*)::integer from capataz.robots where module_name = 'Sick' and status = 'PENDING'), 1, 'a probe stays');
select is(capataz.move_waiting_robots(), 0, 'twice changes nothing');
select ok(capataz_test.is_coupled('Sick') and capataz_test.is_coupled('Well'), 'coupled');

-- nobody probes: the probe goes too
select capataz_test.advance('150 seconds');
select is(capataz.move_waiting_robots(), 1, 'two minutes after its cool-down it goes');
select is((select count(*)::integer from capataz.robots where module_name = 'Well' and status = 'PENDING'), 4, 'as the others');

-- a worker comes alive and has nothing to be probed with
select capataz.heartbeat_worker('w1', 'Sick');
select is(capataz.move_waiting_robots(), 1, 'it is given one');
select is((select count(*)::integer from capataz.robots where module_name = 'Sick' and status = 'PENDING'), 1, 'one');
truncate c;
insert into c select * from capataz.claim_robots('Sick', 3, 'w1');
select capataz.complete_execution((select execute_id from c));
select is((capataz_test.module_row('Sick')).health_status::text, 'HEALTHY', 'healed by it');
select is(capataz.move_waiting_robots(), 0, 'nothing moves back');

-- pinned robots never move; an inactive module keeps none of the others
select capataz_test.robots('Well', 1);
select capataz.deactivate_module('Well') is not null;
select is(capataz.move_waiting_robots(), 3, 'inactive: no probe stays');
select is(
  (select count(*)::integer from capataz.robots where module_name = 'Well' and status = 'PENDING'), 1, 'the pinned one stays'
);

select * from finish();
rollback;
