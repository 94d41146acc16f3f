-- Active modules, the best score first, with the rates of 24 hours; what is not folded yet is counted.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:30:00');
select capataz_test.module('A') as a \gset
select capataz_test.module('B') as b \gset
select capataz_test.module('C') as c \gset
select capataz.deactivate_module('C');
update capataz.module_registry set performance_score = 0.5 where module_name = 'A';

select capataz_test.complete_some('A', 3, 1000);
select capataz_test.fail_some('A', 1);
select capataz_test.running('B', p_estimated_minutes => 2) as e \gset
select capataz_test.advance('4 minutes');
select capataz.complete_execution(:'e');

select results_eq(
  'select rank, module_name::text, completed_count, failed_count, success_rate, error_rate, efficiency from capataz.performance_scoreboard()',
  $$values (1::bigint, 'B', 1::bigint, 0::bigint, 100.00, 0.00, 0.500), (2, 'A', 3, 1, 75.00, 25.00, null)$$,
  'the better score first, inactive modules not at all'
);
create temporary table before on commit drop as
select module_name, completed_count, failed_count, throughput_per_hour from capataz.performance_scoreboard();
select capataz.fold_counters();
select results_eq(
  'select module_name, completed_count, failed_count, throughput_per_hour from capataz.performance_scoreboard()', 'table before',
  'folded: the same'
);
select cmp_ok(
  (select p50_ms from capataz.performance_scoreboard() where module_name = 'A'), '>=', 950::bigint, 'the median is within 5 %'
);
select cmp_ok(
  (select p99_ms from capataz.performance_scoreboard() where module_name = 'A'), '<=', 1050::bigint, 'so is the 99th percentile'
);
select is((select avg_wait_ms from capataz.performance_scoreboard() where module_name = 'B'), 0::bigint, 'nobody waited');
select is((select retry_rate from capataz.performance_scoreboard() where module_name = 'A'), 0.00, 'nothing was retried');

select capataz_test.advance('25 hours');
select is((select completed_count from capataz.performance_scoreboard() where module_name = 'A'), 0::bigint, 'a day later it is gone');

select * from finish();
rollback;
