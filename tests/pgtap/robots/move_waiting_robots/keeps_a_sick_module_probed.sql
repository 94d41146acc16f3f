-- An UNHEALTHY module with a live worker always gets something to be probed with, one robot at a time (ADR 0016).
begin;
select plan(17);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Ill', '{"failure_threshold": 1, "breaker": {"cooldown_seconds": 60}}') as m \gset
select capataz.heartbeat_worker('w1', 'Ill');
select capataz_test.fail_some('Ill', 1);
select capataz_test.module('Fit') as m \gset
select capataz_test.advance('60 seconds');
select capataz.heartbeat_worker('w1', 'Ill');

-- nothing waits anywhere: the router owes it one
select is(capataz.move_waiting_robots(), 0, 'nothing to give');
select ok((select is_wanted from capataz_ops.module_probes where module_name = 'Ill'), 'a probe is wanted');
select is((select module_name::text from capataz.submit_robot('T', p_robot_id => 'p-1')), 'Ill', 'the next robot is the probe');
select is((select module_name::text from capataz.submit_robot('T')), 'Fit', 'one, no more');
select is(capataz.move_waiting_robots(), 0, 'it stays, and is enough');

-- a probe that is cancelled, handed back or deleted gives way to the next
select capataz.cancel_robot((select robot_id from capataz.claim_robots('Ill', 5, 'w1')));
select is(capataz.move_waiting_robots(), 1, 'cancelled: it is given the one that waits at Fit');
select execute_id as e from capataz.claim_robots('Ill', 5, 'w1') \gset
select capataz.release_robots(array[:'e']);
select is(capataz.move_waiting_robots(), 0, 'handed back: it stays');
select execute_id as e from capataz.claim_robots('Ill', 5, 'w1') \gset
delete from capataz.robot_execute where execute_id = :'e';
select is((select count(*)::integer from capataz.claim_robots('Ill', 5, 'w1')), 1, 'deleted: the next claim probes');

-- one that waits for a year is no probe; priority does not matter
select capataz.cancel_robot(robot_id) from capataz.robots where module_name = 'Ill' and status = 'PROCESSING';
select robot_id is not null from capataz.submit_robot('T', p_module_name => 'Ill', p_available_at => '2027-03-10');
select robot_id is not null from capataz.submit_robot('T', p_priority => 'HIGH');
select is(capataz.move_waiting_robots(), 1, 'HIGH, though a pinned robot waits for next year');
select is((select priority::text from capataz.claim_robots('Ill', 5, 'w1')), 'HIGH', 'that one');

-- two sick modules do not take each other's
select capataz_test.module('Ill2', '{"failure_threshold": 1, "breaker": {"cooldown_seconds": 0}}') as m \gset
select capataz.heartbeat_worker('w2', 'Ill2');
select capataz_test.fail_some('Ill2', 1);
select capataz.deactivate_module('Fit') is not null;
insert into capataz.robots (robot_id, robot_type, module_name, input_data, is_routed) values ('only', 'T', 'Ill2', '{}', true);
select is(capataz.move_waiting_robots(), 0, 'nobody who works: it stays where it is');
select is(capataz.move_waiting_robots(), 0, 'and stays');

-- what checks opened is closed by a probe, not by what was in flight
select capataz_test.module('Page', '{"health_failure_threshold": 2, "breaker": {"cooldown_seconds": 10}}') as m \gset
select capataz_test.running('Page') as flying \gset
select capataz.record_health_check('Page', false) from generate_series(1, 2);
select capataz.complete_execution(:'flying');
select is((capataz_test.module_row('Page')).health_status::text, 'UNHEALTHY', 'in flight when it opened');
select capataz_test.advance('10 seconds');
select capataz.complete_execution(capataz_test.running('Page'));
select is((capataz_test.module_row('Page')).health_status::text, 'HEALTHY', 'its probe');

-- a module that is renamed or deleted takes its counters along
select capataz_test.module('Old') as m \gset
select capataz.record_health_check('Old', g.n = 1) from generate_series(1, 3) as g (n);
update capataz.module_registry set module_name = 'New', module_id = 'New_1.0_test' where module_name = 'Old';
select is((select capataz.record_health_check('New', true)::text), 'HEALTHY', 'renamed');
select is((capataz_test.module_row('New')).uptime_percentage_24h, 50.00, 'uptime follows the name');
delete from capataz.module_registry where module_name = 'New';
select is_empty($$select from capataz_ops.module_minutes where module_name in ('Old', 'New')$$, 'followed, then gone');

select * from finish();
rollback;
