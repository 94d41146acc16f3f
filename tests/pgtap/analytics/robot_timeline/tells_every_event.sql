-- The life of a robot, attempt by attempt.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('M', '{"retry_policy": {"base_seconds": 60, "jitter": 0}}') as m \gset
create function pg_temp.told(p_robot_id text) returns text language sql as $$
  select string_agg(concat_ws(' ', to_char(t.happened_at, 'MI:SS'), t.event, t.attempt, t.step_name, t.duration_ms), ', ')
  from capataz.robot_timeline(p_robot_id) as t
$$;
select capataz_test.robot('M', p_robot_id => 'r1') as r \gset
select is(pg_temp.told('r1'), '00:00 submitted, 00:00 due 1', 'it waits');
select capataz_test.advance('10 seconds');
select execute_id as e from capataz.claim_robots('M', 1, 'w1') \gset
select capataz.report_progress(:'e', 20, 'load', 'INIT');
select capataz_test.advance('5 seconds');
select capataz.report_progress(:'e', 40, 'ocr', 'PROCESSING');
select capataz_test.advance('5 seconds');
select capataz.retry_step(:'e', 'again');
select capataz_test.advance('5 seconds');
select is(
  pg_temp.told('r1'),
  '00:00 submitted, 00:00 due 1, 00:10 claimed 1 10000, 00:10 step 1 load 5000, 00:15 step 1 ocr, 00:20 progress 1 ocr, 00:20 step repeated 1 ocr',
  'it runs'
);
select capataz.fail_execution(:'e', 'secret text', 'EXTERNAL_API');
select is(
  pg_temp.told('r1'),
  '00:00 submitted, 00:00 due 1, 00:10 claimed 1 10000, 00:10 step 1 load 5000, 00:15 step 1 ocr 10000, 00:20 step repeated 1 ocr, '
  '00:25 progress 1 ocr, 00:25 failed 1 15000, 00:25 retried 2, 01:25 due 2',
  'it failed and will be tried again'
);
select capataz_test.advance('70 seconds');
select execute_id as e from capataz.claim_robots('M') \gset
select capataz_test.advance('1 second');
select capataz.release_robots(array[:'e']);
select capataz_test.advance('1 second');
select execute_id as e from capataz.claim_robots('M') \gset
select capataz_test.advance('1 second');
select capataz.fail_execution(:'e', 'secret text', p_retryable => false);
select capataz_test.advance('1 minute');
select capataz.retry_robot('r1');
select capataz_test.advance('1 second');
select execute_id as e from capataz.claim_robots('M') \gset
select capataz_test.advance('1 second');
select capataz.complete_execution(:'e');
select is(
  substring(pg_temp.told('r1') from '01:25.*'),
  '01:25 due 2, 01:35 claimed 2 10000, 01:36 released 2 1000, 01:36 due 3, 01:37 claimed 3 1000, 01:38 failed 3 1000, '
  '02:38 retried 4, 02:38 due 4, 02:39 claimed 4 1000, 02:40 completed 4 1000',
  'released, failed for good, given a new life, completed'
);
select is_empty($$select * from capataz.robot_timeline('r1') as t where to_jsonb(t)::text ~ 'secret'$$, 'no message is told');

select capataz_test.robot('M', p_robot_id => 'r2') as r \gset
select capataz_test.advance('1 second');
select capataz.cancel_robot('r2', 'secret');
select is(pg_temp.told('r2'), '02:40 submitted, 02:41 cancelled', 'cancelled while it waited');

select throws_ok($$select * from capataz.robot_timeline('nobody')$$, 'RB404', null, 'unknown robot');
select throws_ok($$select * from capataz.robot_timeline(null)$$, 'RB400', null, 'no robot');

select * from finish();
rollback;
