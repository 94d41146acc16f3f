-- total_robots_processed and total_processing_time_hours count COMPLETED and FAILED executions, kept in ms, rounded once.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('J') as m \gset
select capataz_test.complete_some('J', 10, 18000);
select capataz.fold_counters();
select is((capataz_test.module_row('J')).total_robots_processed, 10, 'ten');
select is((capataz_test.module_row('J')).total_processing_time_hours, 0.05, 'ten times 18 s are 0.05 h, not ten times 0.01');
select capataz_test.running('J') as e \gset
select capataz_test.advance('3 minutes');
select capataz.fail_execution(:'e', 'x');
select is((capataz_test.module_row('J')).total_robots_processed, 11, 'a failed attempt counts at once');
select is((capataz_test.module_row('J')).total_processing_time_hours, 0.10, 'with its time');
select capataz_test.advance('1 hour');
select execute_id as e2 from capataz.claim_robots('J') \gset
select capataz_test.advance('1 hour');
select capataz.fold_counters();
select is((capataz_test.module_row('J')).total_robots_processed, 11, 'a running attempt does not count');

select * from finish();
rollback;
