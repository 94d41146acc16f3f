-- Figures belong to the transaction: what is rolled back leaves no trace in counters or permits.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Q', '{"max_concurrency": 1}') as m \gset
select capataz_test.running('Q') as e \gset
savepoint before_failure;
select capataz.fail_execution(:'e', 'x');
select is((capataz_test.module_row('Q')).consecutive_failures, 1, 'counted');
rollback to savepoint before_failure;
select is((capataz_test.module_row('Q')).consecutive_failures, 0, 'and undone');
select is_empty($$select 1 from capataz_ops.module_deltas where module_name = 'Q'$$, 'no delta is left');
select is(
  (select sum(free_count)::integer from capataz_ops.module_permits where module_name = 'Q'), 0, 'the permit is still taken'
);
select capataz.complete_execution(:'e');
select is((select sum(free_count)::integer from capataz_ops.module_permits where module_name = 'Q'), 1, 'and given back once');

select * from finish();
rollback;
