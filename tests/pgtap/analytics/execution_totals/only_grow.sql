-- Counters for metrics: they grow with what ends, and nothing takes them down.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 08:00:00');
select capataz_test.module('M', '{"timeout_seconds": 86400}') as m \gset
select capataz_test.module('N') as n \gset
select results_eq(
  $$select module_name::text, completed_count, failed_count, completed_ms from capataz.execution_totals()$$,
  $$values ('M', 0::bigint, 0::bigint, 0::bigint), ('N', 0, 0, 0)$$, 'a new module is at zero'
);
select capataz_test.complete_some('M', 2, 10);
select capataz_test.complete_some('M', 1, 11);
select capataz_test.complete_some('M', 1, 9000000);
select capataz_test.fail_some('M', 3);
select capataz.fold_counters();
select results_eq(
  $$select completed_count, failed_count, completed_ms from capataz.execution_totals('M')$$,
  $$values (4::bigint, 3::bigint, 9000031::bigint)$$, 'what ended is counted'
);
select results_eq(
  $$select l.place, l.n from capataz.execution_totals('M') as t cross join unnest(t.duration_counts) with ordinality as l (n, place) where l.n > 0$$,
  $$values (1::bigint, 2::bigint), (2, 1), (19, 1)$$, 'a duration on a limit belongs to it; above all limits is the last bucket'
);
select is(
  (select cardinality(duration_counts) - cardinality(duration_limits) from capataz.execution_totals('M')), 1, 'one bucket more than limits'
);
create temporary table before on commit drop as select * from capataz.execution_totals('M');
delete from capataz.robot_execute;
delete from capataz.robots;
select capataz.fold_counters();
select results_eq('select * from capataz.execution_totals(''M'')', 'select * from before', 'deleted executions stay counted');
select capataz.rebuild_derived();
select results_eq('select * from capataz.execution_totals(''M'')', 'select * from before', 'a rebuild takes nothing away');
select capataz_test.complete_some('M', 1, 10);
select capataz.rebuild_derived();
select is((select completed_count from capataz.execution_totals('M')), 5::bigint, 'nor does it lose what was not folded');
select is((select duration_counts[1] from capataz.execution_totals('M')), 3::bigint, 'with its duration');
delete from capataz_ops.module_totals;
select capataz.rebuild_derived();
select is((select completed_count from capataz.execution_totals('M')), 1::bigint, 'what was destroyed is made from history');
select is((select duration_counts[1] from capataz.execution_totals('M')), 1::bigint, 'with its durations');
select throws_ok($$select * from capataz.execution_totals('nobody')$$, 'RB404', null, 'of an unknown module');
select * from finish();
rollback;
