-- Robots that ended without having run (cancelled while waiting, answered from the cache) count as ended, not in the rate.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('R') as m \gset
select count(
  *) from capataz.submit_robots((select jsonb_agg(jsonb_build_object('robot_type', 'T', 'module_name', 'R', 'correlation_id', 'b', 'robot_id', 'r-' || i)) from generate_series(1, 6) as i)
);
select count(
  *) from capataz.submit_robot('T', p_module_name => 'R', p_cache_key => 'key', p_priority => 'HIGH', p_robot_id => 'r-key'
);
select capataz.complete_execution((select execute_id from capataz.claim_robots('R')));
select cache_hit from capataz.submit_robot(
  'T', p_module_name => 'R', p_cache_key => 'key', p_correlation_id => 'b', p_robot_id => 'r-hit'
);
select is((select eta from capataz.batch_progress('b')), null, 'only a cached one has ended: no rate yet');
select capataz_test.advance('10 hours');
select capataz.cancel_robot('r-6');
select execute_id as e from capataz.claim_robots('R') \gset
select capataz_test.advance('1 minute');
select capataz.complete_execution(:'e');
select is((select eta from capataz.batch_progress('b')), '2026-03-10 22:05', 'one in a minute, four more: four minutes');
select is((select percent from capataz.batch_progress('b')), 42.86, 'three of seven have ended');
select capataz.cancel_robot(robot_id) from capataz.robots where module_name = 'R' and status = 'PENDING';
select is((select percent from capataz.batch_progress('b')), 100.00, 'all have ended');
select is((select eta from capataz.batch_progress('b')), '2026-03-10 22:01', 'the end is known');

select * from finish();
rollback;
