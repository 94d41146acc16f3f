-- Silent for three intervals: UNKNOWN. A success rate below the limit: DEGRADED until its hour has passed (ADR 0016).
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('S', '{"health_check_interval_seconds": 20}') as m \gset
select is(capataz.evaluate_health(), 0, 'never checked: nothing to say');
select capataz.record_health_check('S', true);
select capataz_test.advance('60 seconds');
select is(capataz.evaluate_health(), 0, 'three intervals to the second');
select capataz_test.advance('1 second');
select is(capataz.evaluate_health(), 1, 'silent for more');
select is((capataz_test.module_row('S')).health_status::text, 'UNKNOWN', 'UNKNOWN');
select is(capataz.evaluate_health(), 0, 'once');
select is(capataz.record_health_check('S', true)::text, 'HEALTHY', 'heard of again');

-- a module that is UNHEALTHY stays so however silent it is
select capataz_test.fail_some('S', 5);
select capataz_test.advance('1 hour');
select is(capataz.evaluate_health(), 0, 'failing work is not forgotten by silence');

select capataz_test.module('R', '{"min_success_rate": 80, "failure_threshold": 1000}') as m \gset
select capataz_test.complete_some('R', 15);
select capataz_test.fail_some('R', 4);
select capataz.fold_counters();
select is((capataz_test.module_row('R')).health_status::text, 'UNKNOWN', '19 executions say too little');
select capataz_test.fail_some('R', 1);
select is((capataz_test.module_row('R')).health_status::text, 'DEGRADED', '15 of 20');
select matches(
  (select reason from capataz_ops.health_changes where module_name = 'R' order by change_id desc limit 1),
  '15 of the last 20 executions succeeded, below 80 %', 'and why'
);
select capataz_test.advance('61 minutes');
select is(capataz.evaluate_health(), 1, 'after its hour');
select is((capataz_test.module_row('R')).health_status::text, 'HEALTHY', 'nothing speaks against it');

-- what is set by hand stays
update capataz.module_registry set health_status = 'UNHEALTHY' where module_name = 'R';
select is(capataz.evaluate_health(), 0, 'UNHEALTHY set by hand stays');

select * from finish();
rollback;
