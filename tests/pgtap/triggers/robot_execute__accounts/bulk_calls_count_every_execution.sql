-- Windows and totals of statements that end many executions of several modules at once.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('P1', '{"failure_threshold": 100}') as m \gset
select capataz_test.module('P2', '{"failure_threshold": 100}') as m \gset
select capataz.submit_robots(
  (select jsonb_agg(jsonb_build_object('robot_type', 'T', 'module_name', 'P' || 1 + i % 2)) from generate_series(1, 40) as i)
);
create temporary table c on commit drop as
select * from capataz.claim_robots('P1', 100) union all select * from capataz.claim_robots('P2', 100);
select capataz_test.advance('2 seconds');
create temporary table done on commit drop as
select * from capataz.complete_executions((select jsonb_agg(jsonb_build_object('execute_id', execute_id)) from (select * from c order by robot_id limit 30) as d));
select is((select count(*)::integer from done where error is null), 30, 'thirty completed');
create temporary table failed on commit drop as
select * from capataz.fail_executions(
  (select jsonb_agg(jsonb_build_object('execute_id', execute_id, 'error_message', 'x')) from c where execute_id not in (select execute_id from done))
);
select is((select count(*)::integer from failed where status = 'RETRYING'), 10, 'ten failed');
select capataz.fold_counters();
select is(
  (select sum(total_robots_processed)::integer from capataz.module_registry where module_name in ('P1', 'P2')), 40,
  'forty in the totals'
);
select is(
  (select sum(error_count_24h)::integer from capataz.module_registry where module_name in ('P1', 'P2')), 10, 'ten errors'
);
select is(
  (select sum(consecutive_failures)::integer from capataz.module_registry where module_name in ('P1', 'P2')), 10,
  'ten failures in a row'
);
select results_eq(
  $$select avg_processing_time_ms from capataz.module_registry where module_name in ('P1', 'P2') order by module_name$$,
  'values (2000), (2000)', 'averages of both'
);

select * from finish();
rollback;
