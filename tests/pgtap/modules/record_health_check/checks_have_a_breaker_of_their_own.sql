-- Failed checks in a row are counted apart from failed executions; a good check closes only what checks opened (ADR 0016).
begin;
select plan(16);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('C', '{"health_failure_threshold": 3, "max_response_time_ms": 1000}') as m \gset
select is(capataz.record_health_check('C', false)::text, 'DEGRADED', 'one failed');
select is(capataz.record_health_check('C', false)::text, 'DEGRADED', 'two, in the same transaction');
select is(capataz.record_health_check('C', false, null, 'refused')::text, 'UNHEALTHY', 'the threshold of checks');
select is((capataz_test.module_row('C')).consecutive_failures, 0, 'no execution failed');
select is((select opened_by from capataz_ops.module_state where module_name = 'C'), 'checks', 'checks opened it');
select is(capataz.record_health_check('C', true, 10)::text, 'HEALTHY', 'a good check closes it');
select is((select opened_by from capataz_ops.module_state where module_name = 'C'), null, 'closed');

select is(capataz.record_health_check('C', true, 1001)::text, 'DEGRADED', 'a slow answer');
select is(capataz.record_health_check('C', true, 1000)::text, 'HEALTHY', 'the limit itself is good');

select capataz_test.fail_some('C', 5);
select is((select opened_by from capataz_ops.module_state where module_name = 'C'), 'work', 'failing work opened it');
select is(capataz.record_health_check('C', true, 1)::text, 'UNHEALTHY', 'a page that answers does not hide work that fails');

-- opened by checks, closed by work
select capataz.activate_module('C');
select is(capataz.record_health_check('C', true)::text, 'HEALTHY', 'activated');
select capataz.record_health_check('C', false) from generate_series(1, 3);
select is((capataz_test.module_row('C')).health_status::text, 'UNHEALTHY', 'checks opened it again');
select capataz_test.complete_some('C');
select is((capataz_test.module_row('C')).health_status::text, 'HEALTHY', 'a probe that succeeds closes it too');
select is(capataz.record_health_check('C', false)::text, 'DEGRADED', 'and the count of checks began anew');
select is(
  (select count(*)::integer from capataz_ops.health_checks where module_name = 'C'), 12, 'every check is kept'
);

select * from finish();
rollback;
