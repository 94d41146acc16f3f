-- A repeated call returns what the first one did and changes nothing, also when the robot has moved on.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('L') as m \gset
select capataz_test.running('L') as e \gset
select capataz.fail_execution(:'e', 'first');
select capataz_test.advance('1 minute');
select is(capataz.fail_execution(:'e', 'again')::text, 'RETRYING', 'the same answer');
select is((capataz_test.robot_of(:'e')).retry_count, 1, 'one retry was spent');
select is((capataz_test.execution(:'e')).error_message, 'first', 'the first message stays');
select is((capataz_test.module_row('L')).consecutive_failures, 1, 'it counts once');
select execute_id as e2 from capataz.claim_robots('L') \gset
select is(capataz.fail_execution(:'e', 'again')::text, 'RETRYING', 'also while the next attempt runs');
select is((capataz_test.execution(:'e2')).execution_state::text, 'RUNNING', 'which is untouched');
select throws_ok(format('select capataz.complete_execution(%L)', :'e'), 'RB409', null, 'completing what failed is RB409');
select throws_ok(format('select capataz.retry_step(%L, %L)', :'e', 'x'), 'RB409', null, 'so is repeating a step of it');

select * from finish();
rollback;
