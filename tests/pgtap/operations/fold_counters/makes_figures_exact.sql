-- Exact after fold_counters(), at most a moment behind otherwise; nothing to do costs nothing.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select capataz_test.complete_some('A', 20, 100);
select capataz.fold_counters();
select is((capataz_test.module_row('A')).total_robots_processed, 20, 'all twenty');
select is((capataz_test.module_row('A')).avg_processing_time_ms, 100, 'their average');
select is_empty($$select 1 from capataz_ops.module_deltas where module_name = 'A'$$, 'deltas are moved, not copied');
select is((select sum(completed_count)::integer from capataz_ops.module_minutes where module_name = 'A'), 20, 'into minutes');
select updated_at as before from capataz.module_registry where module_name = 'A' \gset
select capataz_test.advance('10 seconds');
select is(capataz.fold_counters(), 0, 'nothing new: no module is folded');
select is((capataz_test.module_row('A')).updated_at, :'before', 'and no row written');

select * from finish();
rollback;
