-- A row deleted inside the window leaves it; totals stay (design 6).
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('L') as m \gset
select capataz_test.complete_some('L', 2, 1000);
select capataz_test.complete_some('L', 1, 4000);
select capataz_test.fail_some('L', 1);
select capataz.fold_counters();
select is((capataz_test.module_row('L')).avg_processing_time_ms, 2000, 'before');
delete from capataz.robot_execute where module_name = 'L' and duration_ms = 4000;
select capataz.fold_counters();
select is((capataz_test.module_row('L')).avg_processing_time_ms, 1000, 'a completed one left the average');
select is((capataz_test.module_row('L')).success_rate_24h, 66.67, 'and the rate');
delete from capataz.robots where module_name = 'L' and status = 'FAILED';
select capataz.fold_counters();
select is((capataz_test.module_row('L')).error_count_24h, 0, 'a failed one left with its robot');
select is((capataz_test.module_row('L')).success_rate_24h, 100.00, 'the rate follows');
select is((capataz_test.module_row('L')).total_robots_processed, 4, 'totals stay');
select capataz_test.advance('24 hours');
delete from capataz.robots where module_name = 'L';
select capataz.fold_counters();
select is((capataz_test.module_row('L')).avg_processing_time_ms, 0, 'deleting what has left the window already harms nothing');
select is((capataz_test.module_row('L')).error_count_24h, 0, 'no negative count');
select is((capataz_test.module_row('L')).total_robots_processed, 4, 'totals still stay');

select * from finish();
rollback;
