-- RETRYING by plain SQL counts a retry and respects retry_limit.
begin;
select plan(4);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Q') as m \gset
select capataz_test.running('Q', p_retry_limit => 1) as e \gset
update capataz.robots set status = 'RETRYING' where module_name = 'Q';
select is((capataz_test.robot_of(:'e')).retry_count, 1, 'it counts');
update capataz.robots set status = 'PROCESSING' where module_name = 'Q';
select throws_ok($$update capataz.robots set status = 'RETRYING' where module_name = 'Q'$$, 'RB409', null, 'no retries are left');
select lives_ok(
  $$update capataz.robots set status = 'RETRYING', retry_limit = 2 where module_name = 'Q'$$, 'unless the limit is raised'
);
select is((capataz_test.robot_of(:'e')).retry_count, 2, 'it counts again');

select * from finish();
rollback;
