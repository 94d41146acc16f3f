-- Minutes that are dropped before a fold saw them leave the window must not stay in the figures of the module (ADR 0006, 0024).
begin;
select plan(4);
select capataz_test.set_clock('2026-03-01 12:00:00');
select capataz_test.module('A', '{"failure_threshold": 100}') as m \gset
select capataz_test.robots('A', 5);
select capataz.complete_executions((select jsonb_agg(jsonb_build_object('execute_id', c.execute_id)) from capataz.claim_robots('A', 4) as c));
select capataz.fail_execution((select c.execute_id from capataz.claim_robots('A') as c), 'x');
select capataz.fold_counters();
select results_eq(
  $$select error_count_24h, success_rate_24h from capataz.module_registry where module_name = 'A'$$,
  'values (1, 80.00::numeric)', 'one of five failed'
);
-- nobody runs a job for 60 hours; then the daily trim is the first
select capataz_test.advance('60 hours');
select is(capataz.trim_windows(), 1, 'its minutes go');
select results_eq(
  $$select error_count_24h, success_rate_24h from capataz.module_registry where module_name = 'A'$$,
  'values (0, 100.00::numeric)', 'and are in the figures no more'
);
select is(capataz.validate_consistency(), 0, 'all is consistent');
select * from finish();
rollback;
