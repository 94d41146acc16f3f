-- Plain SQL cannot run more than max_concurrency allows: RB429.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('C', '{"max_concurrency": 2}') as m \gset
insert into capataz.robots (robot_id, robot_type, module_name, input_data)
select 'c-' || i, 'T', 'C', '{}' from generate_series(1, 4) as i;
select lives_ok($$update capataz.robots set status = 'PROCESSING' where robot_id in ('c-1', 'c-2')$$, 'two may run');
select throws_ok(
  $$update capataz.robots set status = 'PROCESSING' where robot_id = 'c-3'$$, 'RB429',
  'module "C" has reached its max_concurrency', 'a third may not'
);
select is_empty('select * from capataz.claim_robots(''C'')', 'the claim gets nothing either');
update capataz.robots set status = 'COMPLETED' where robot_id = 'c-1';
select lives_ok($$update capataz.robots set status = 'PROCESSING' where robot_id = 'c-3'$$, 'after one has ended it may');
delete from capataz.robots where robot_id = 'c-3';
select is((select count(*)::integer from capataz.claim_robots('C', 10)), 1, 'a deleted robot gives its unit back');

select * from finish();
rollback;
