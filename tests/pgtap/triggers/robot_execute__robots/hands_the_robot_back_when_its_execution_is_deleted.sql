-- Deleting an active execution makes its robot PENDING, no retry spent; deleting history changes nothing.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('F') as m \gset
select capataz_test.running('F') as e1 \gset
select (capataz_test.robot_of(:'e1')).robot_id as r1 \gset
select capataz.fail_execution(:'e1', 'x');
select capataz_test.advance('1 hour');
select execute_id as e2 from capataz.claim_robots('F') \gset
delete from capataz.robot_execute where execute_id = :'e1';
select is((capataz.get_robot(:'r1')).status::text, 'PROCESSING', 'history deleted: the robot runs on');
delete from capataz.robot_execute where execute_id = :'e2';
select is((capataz.get_robot(:'r1')).status::text, 'PENDING', 'the active execution deleted: PENDING');
select is((capataz.get_robot(:'r1')).retry_count, 1, 'no further retry spent');
select is((capataz.get_robot(:'r1')).available_at, '2026-03-10 13:00', 'it is due now');
select ok(capataz_test.is_coupled('F'), 'robots and executions agree');
select is((select robot_id from capataz.claim_robots('F')), :'r1', 'it can be claimed again');

select * from finish();
rollback;
