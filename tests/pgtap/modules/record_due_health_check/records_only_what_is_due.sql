-- Several probers count one answer: what is not due any more is not recorded (ADR 0016).
begin;
select plan(12);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('D', '{"health_check_interval_seconds": 30, "health_failure_threshold": 2}') as m \gset
select is(capataz.record_due_health_check('D', false, 9, 'down')::text, 'DEGRADED', 'never checked: due');
select is(capataz.record_due_health_check('D', false, 9, 'down'), null, 'another prober''s, of the same round');
select is((select count(*)::integer from capataz_ops.health_checks where module_name = 'D'), 1, 'one is kept');
select is((select failed_checks from capataz_ops.module_state where module_name = 'D'), 1, 'one is counted');
select capataz_test.advance('29.999 seconds');
select is(capataz.record_due_health_check('D', true), null, 'not yet');
select capataz_test.advance('0.001 seconds');
select is(capataz.record_due_health_check('D', false)::text, 'UNHEALTHY', 'at its interval');
select is(capataz.record_health_check('D', true)::text, 'HEALTHY', 'a module that reports itself need not be due');
select capataz_test.set_clock('2026-03-10 11:00:00');
select is(capataz.record_due_health_check('D', true)::text, 'HEALTHY', 'the clock was set back: due');
select is((capataz_test.module_row('D')).last_health_check, '2026-03-10 11:00:00'::timestamp, 'and right again');
select throws_ok($$select capataz.record_due_health_check('nobody', true)$$, 'RB404', 'no module "nobody"', 'unknown');
select throws_ok($$select capataz.record_due_health_check('D', null)$$, 'RB400', 'healthy is required', 'null, though not due');
select throws_ok(
  $$select capataz.record_due_health_check('D', true, -1)$$, 'RB400', 'response_time_ms is out of range', 'a negative time'
);

select * from finish();
rollback;
