-- execute_id is the lease of one attempt: the first worker cannot end the second attempt.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('E') as m \gset
select capataz_test.running('E', 'slow', 10) as e1 \gset
select capataz_test.advance('11 seconds');
select capataz.expire_executions();
select capataz_test.advance('1 minute');
select execute_id as e2, attempt from capataz.claim_robots('E', 1, 'fast') \gset
select is(:attempt, 2, 'the second attempt runs');
select throws_ok(
  format('select capataz.complete_execution(%L, %L)', :'e1', '{"by": "slow"}'), 'RB409', null, 'the late worker is refused'
);
select is((capataz_test.robot_of(:'e2')).status::text, 'PROCESSING', 'the robot runs on');
select is(capataz.complete_execution(:'e2', '{"by": "fast"}')::text, 'COMPLETED', 'the holder of the lease completes it');
select is((capataz_test.robot_of(:'e2')).output_data, '{"by": "fast"}'::jsonb, 'with its output');

select * from finish();
rollback;
