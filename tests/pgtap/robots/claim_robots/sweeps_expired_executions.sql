-- Every claim, also one that finds nothing, ends a bounded number of expired executions of its module (design 6).
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('J') as m \gset
select capataz_test.robots('J', 30);
select count(*) from capataz.claim_robots('J', 30, null, 10);
select capataz_test.advance('10 seconds');
select is_empty($$select * from capataz.claim_robots('J')$$, 'at the very second nothing has expired');
select is((select count(*)::integer from capataz.robot_execute where module_name = 'J' and completed_at is null), 30, 'all run');
select capataz_test.advance('1 millisecond');
select is_empty($$select * from capataz.claim_robots('J')$$, 'the claim finds nothing due');
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'J' and error_category = 'TIMEOUT'), 20,
  'but ends up to 20'
);
select count(*) from capataz.claim_robots('J');
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'J' and error_category = 'TIMEOUT'), 30,
  'the next the others'
);

select * from finish();
rollback;
