-- VALIDATION errors, p_retryable false and retry_limit 0 fail at once.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('K', '{"failure_threshold": 100}') as m \gset
select capataz_test.running('K') as e1 \gset
select is(capataz.fail_execution(:'e1', 'no page', 'VALIDATION')::text, 'FAILED', 'VALIDATION');
select capataz_test.running('K') as e2 \gset
select is(capataz.fail_execution(:'e2', 'x', p_retryable => false)::text, 'FAILED', 'p_retryable false');
select capataz_test.running('K', p_retry_limit => 0) as e3 \gset
select is(capataz.fail_execution(:'e3', 'x')::text, 'FAILED', 'retry_limit 0');
select capataz_test.running('K') as e4 \gset
select is(capataz.fail_execution(:'e4', 'x', null, null, null, null)::text, 'RETRYING', 'nulls mean defaults');
select is((capataz_test.execution(:'e4')).error_category::text, 'PROCESSING', 'category PROCESSING');
select is((capataz_test.robot_of(:'e1')).retry_count, 0, 'no retry was spent');

select * from finish();
rollback;
