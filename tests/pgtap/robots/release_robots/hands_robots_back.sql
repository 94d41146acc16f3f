-- Orderly hand-back: PENDING, no retry spent, execution CANCELLED; skips what is not active, counts the rest; repeatable.
begin;
select plan(12);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('L') as m \gset
select capataz_test.robots('L', 6);
create temporary table c on commit drop as select c.*, row_number() over () as n from capataz.claim_robots('L', 6, null, 100) as c;
select capataz.complete_execution((select execute_id from c where n = 1));
select capataz.fail_execution((select execute_id from c where n = 2), 'x');
select capataz.pause_execution((select execute_id from c where n = 3));
select capataz_test.advance('1 minute');
select is(
  capataz.release_robots((select array_agg(execute_id::text) || array['unknown', null] from c where n <= 5)), 3, 'three of five were active'
);
select is(
  (select count(*)::integer from capataz.robots where module_name = 'L' and status = 'PENDING'), 3, 'their robots wait again'
);
select is((select max(retry_count) from capataz.robots where module_name = 'L' and status = 'PENDING'), 0, 'no retry spent');
select is(
  (select count(*)::integer from capataz.robots where module_name = 'L' and status = 'PENDING' and available_at = '2026-03-10 12:01'),
  3, 'due now'
);
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'L' and execution_state = 'CANCELLED' and completed_at = '2026-03-10 12:01'),
  3, 'executions are CANCELLED'
);
select is(
  capataz.release_robots((select array_agg(execute_id::text) from c where n <= 5)), 3, 'the repeated call gives the same answer'
);
select is((select count(*)::integer from capataz.robot_execute where module_name = 'L'), 6, 'and changes nothing');
select capataz_test.advance('1 minute');
select is(
  capataz.release_robots(array[(select execute_id::text from c where n = 6)]), 0, 'past its timeout it is not active any more'
);
select is(capataz.release_robots('{}'), 0, 'none is fine');
select throws_ok('select capataz.release_robots(null)', 'RB400', null, 'null is not');
select throws_ok(
  $$select capataz.release_robots(array_fill('x'::text, array[10001]))$$, 'RB400', null, 'nor are more than 10000'
);
select throws_ok(
  format('select capataz.complete_execution(%L)', (select execute_id from c where n = 3)), 'RB409', null, 'the lease of a released robot is lost'
);

select * from finish();
rollback;
