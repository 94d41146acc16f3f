-- PENDING, retry_count 0, due now; the last error stays readable; only FAILED robots.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('N') as m \gset
select capataz_test.running('N', p_retry_limit => 1) as e \gset
select (capataz_test.robot_of(:'e')).robot_id as r \gset
select capataz.fail_execution(:'e', 'first');
select capataz_test.advance('1 hour');
select capataz.fail_execution((select execute_id from capataz.claim_robots('N')), 'second', 'EXTERNAL_API');
select is((capataz.get_robot(:'r')).status::text, 'FAILED', 'it has FAILED');
select capataz_test.advance('1 hour');
select is(capataz.retry_robot(:'r')::text, 'PENDING', 'a new life');
select results_eq(
  format($$select status::text, retry_count, available_at, error_category::text, error_details ->> 'message', started_at, completed_at, processing_time_ms
    from capataz.robots where robot_id = %L$$, :'r'),
  $$values ('PENDING', 0, '2026-03-10 14:00'::timestamp, 'EXTERNAL_API', 'second', null::timestamp, null::timestamp, null::integer)$$, 'what the row shows'
);
select results_eq($$select attempt from capataz.claim_robots('N')$$, 'values (1)', 'its attempts begin anew');
select throws_ok(format('select capataz.retry_robot(%L)', :'r'), 'RB409', null, 'a running robot cannot be retried');
select capataz.complete_execution(capataz_test.active(:'r'));
select throws_ok(format('select capataz.retry_robot(%L)', :'r'), 'RB409', null, 'nor a COMPLETED one');
select is((capataz.get_robot(:'r')).status::text, 'COMPLETED', 'it completed in its new life');
select throws_ok($$select capataz.retry_robot('nobody')$$, 'RB404', 'no robot "nobody"', 'unknown');
select throws_ok('select capataz.retry_robot(null)', 'RB400', 'robot_id is required', 'null');

select * from finish();
rollback;
