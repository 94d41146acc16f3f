-- TRUNCATE of executions leaves no robot PROCESSING without one, no permit in use and no count in the window; totals stay.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz.register_module('Cut', '1', array['CUT'], p_registration_data => '{"max_concurrency": 2}') is not null as m \gset
select s.robot_id as a from capataz.submit_robot('CUT') as s \gset
select s.robot_id as b from capataz.submit_robot('CUT') as s \gset
select c.execute_id as done from capataz.claim_robots('Cut') as c \gset
select capataz.complete_execution(:'done') as d \gset
select count(*) as n from capataz.claim_robots('Cut') \gset

truncate capataz.robot_execute cascade;

select is((capataz.get_robot(:'b')).status, 'PENDING', 'the running robot was handed back');
select is((capataz.get_robot(:'a')).status, 'COMPLETED', 'the other stays as it was');
select is(
  (select sum(p.free_count) from capataz_ops.module_permits as p where p.module_name = 'Cut'), 2::bigint,
  'all permits are free'
);
select results_eq(
  $$select m.avg_processing_time_ms, m.total_robots_processed from capataz.module_registry as m where m.module_name = 'Cut'$$,
  $$values (0, 1)$$,
  'the window is empty, the total stays'
);
select is((select count(*) from capataz.claim_robots('Cut', 2)), 1::bigint, 'work goes on');

select * from finish();
rollback;
