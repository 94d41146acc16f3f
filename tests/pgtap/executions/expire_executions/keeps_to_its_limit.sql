-- Up to p_limit timeouts a module and call, the longest expired first.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('T2', '{"failure_threshold": 100}') as m \gset
select capataz_test.robots('T2', 10);
select count(*) from capataz.claim_robots('T2', 5, null, 20);
select count(*) from capataz.claim_robots('T2', 5, null, 10);
select capataz_test.advance('1 minute');
select is(capataz.expire_executions(5), 5, 'five');
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'T2' and timeout_seconds = 10 and completed_at is not null),
  5, 'those whose time was up first'
);
select is(capataz.expire_executions(5), 5, 'then the others');

select * from finish();
rollback;
