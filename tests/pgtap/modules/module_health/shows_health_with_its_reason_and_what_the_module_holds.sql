-- One row per module: health and why, circuit breaker, failed checks, robots running and waiting.
begin;
select plan(20);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module(
  'Mh', '{"failure_threshold": 2, "max_concurrency": 3, "breaker": {"cooldown_seconds": 60, "factor": 2, "max_seconds": 600}}'
) as m \gset
create function pg_temp.h() returns table (
  health_status text, reason text, health_since timestamp, opened_by text, probe_after timestamp, is_probing boolean,
  failed_checks integer, consecutive_failures integer, last_health_check timestamp, in_flight bigint, max_concurrency integer,
  waiting bigint, is_active boolean
) language sql as $$
  select h.health_status::text, h.reason, h.health_since, h.opened_by, h.probe_after, h.is_probing, h.failed_checks,
    h.consecutive_failures, h.last_health_check, h.in_flight, h.max_concurrency, h.waiting, h.is_active
  from capataz.module_health('Mh') as h
$$;

select is(health_status, 'UNKNOWN', 'never checked') from pg_temp.h();
select is((reason, health_since, opened_by, probe_after)::text, '(,,,)', 'its health has never changed') from pg_temp.h();
select is((in_flight, max_concurrency, waiting)::text, '(0,3,0)', 'it holds nothing') from pg_temp.h();

select capataz.record_health_check('Mh', true, 5);
select is((health_status, reason, health_since)::text, '(HEALTHY,"the health check is good","2026-03-10 12:00:00")', 'checked')
from pg_temp.h();
select is(last_health_check, '2026-03-10 12:00', 'and when') from pg_temp.h();

select capataz_test.robots('Mh', 4);
select count(*) from capataz.claim_robots('Mh', 2);
select is((in_flight, waiting)::text, '(2,2)', 'two run, two wait') from pg_temp.h();

select capataz_test.advance('1 minute');
select capataz.fail_execution(e.execute_id, 'no disk') from capataz.robot_execute as e where e.module_name = 'Mh';
select is((health_status, opened_by)::text, '(UNHEALTHY,work)', 'work opened the breaker') from pg_temp.h();
select is(reason, '2 executions failed in a row: no disk', 'why') from pg_temp.h();
select is((health_since, probe_after)::text, '("2026-03-10 12:01:00","2026-03-10 12:02:00")', 'since when, and when it is probed')
from pg_temp.h();
select is((consecutive_failures, in_flight, waiting)::text, '(2,0,4)', 'what failed waits again') from pg_temp.h();
select ok(not is_probing, 'no probe yet') from pg_temp.h();

select capataz_test.advance('90 seconds');
select execute_id as probe from capataz.claim_robots('Mh', 5) \gset
select is((is_probing, in_flight)::text, '(t,1)', 'one probe runs') from pg_temp.h();
select capataz.record_health_check('Mh', false, null, 'connection refused');
select is((health_status, failed_checks)::text, '(UNHEALTHY,1)', 'checks are counted apart') from pg_temp.h();
select capataz.complete_execution(:'probe');
select capataz.fold_counters();
select is((opened_by, probe_after, is_probing)::text, '(,,f)', 'the breaker is closed') from pg_temp.h();
select is(health_status, 'DEGRADED', 'and the failed check counts now') from pg_temp.h();
select is(
  reason, 'an execution succeeded; a health check failed: connection refused', 'both are the reason'
) from pg_temp.h();

select capataz.deactivate_module('Mh', 'maintenance');
select ok(not is_active, 'inactive') from pg_temp.h();
select capataz_test.module('Mh2') as m \gset
select capataz_test.robots('Mh2', 1001);
select is((select waiting from capataz.module_health('Mh2')), 1000::bigint, 'waiting is counted up to 1,000');
select is((select max_concurrency from capataz.module_health('Mh2')), null, 'no limit');
select results_eq(
  $$select module_name::text from capataz.module_health()$$,
  $$select module_name::text from capataz.module_registry order by module_name$$,
  'all modules, by name'
);

select * from finish();
rollback;
