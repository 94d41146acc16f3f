-- Good: HEALTHY; failed: DEGRADED; a module that failing work made UNHEALTHY is touched by neither.
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('C') as m \gset
select is(capataz.record_health_check('C', true, 12)::text, 'HEALTHY', 'good');
select is((capataz_test.module_row('C')).last_health_check, '2026-03-10 12:00', 'and when');
select is(capataz.record_health_check('C', false, 900, 'slow')::text, 'DEGRADED', 'failed');
select is((capataz_test.module_row('C')).last_error_message, 'slow', 'and why');
select is(capataz.record_health_check('C', false)::text, 'DEGRADED', 'without words');
select is((capataz_test.module_row('C')).last_error_message, 'health check failed', 'it says what it was');
select is(capataz.record_health_check('C', true)::text, 'HEALTHY', 'good again');
select capataz_test.fail_some('C', 5);
select is(capataz.record_health_check('C', true)::text, 'UNHEALTHY', 'a page that answers does not hide work that fails');
select is(capataz.record_health_check('C', false)::text, 'UNHEALTHY', 'nor does a failed check make it better');
select is((capataz_test.module_row('C')).consecutive_failures, 5, 'checks are no executions');
select throws_ok($$select capataz.record_health_check('nobody', true)$$, 'RB404', null, 'unknown');
select throws_ok($$select capataz.record_health_check('C', null)$$, 'RB400', 'healthy is required', 'null');
select throws_ok(
  $$select capataz.record_health_check('C', true, -1)$$, 'RB400', 'response_time_ms is out of range', 'a negative time'
);

select * from finish();
rollback;
