-- A robot that was cancelled once and retried fails like any other: by the API and by plain SQL.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('N2') as m \gset
select capataz_test.robot('N2', p_robot_id => 'n-1') as r \gset
select capataz.cancel_robot('n-1');
select capataz.retry_robot('n-1');
select execute_id as e from capataz.claim_robots('N2') \gset
select is(capataz.fail_execution(:'e', 'x')::text, 'RETRYING', 'by the API');
select is((capataz_test.execution(:'e')).execution_state::text, 'FAILED', 'the execution is FAILED');
select is((capataz.get_robot('n-1')).error_category::text, 'PROCESSING', 'with its own category');
select capataz_test.advance('1 hour');
select count(*) from capataz.claim_robots('N2');
select lives_ok(
  $$update capataz.robots set status = 'RETRYING', error_category = 'EXTERNAL_API' where robot_id = 'n-1'$$, 'by plain SQL'
);
select is((capataz.get_robot('n-1')).error_category::text, 'EXTERNAL_API', 'with the category that was typed');

select * from finish();
rollback;
