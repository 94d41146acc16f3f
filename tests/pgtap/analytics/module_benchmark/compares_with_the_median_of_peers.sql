-- Each module and robot type against the median of the other modules that do it.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:30:00');
select capataz_test.module(n) from unnest(array['A', 'B', 'C']) as n;
select capataz_test.complete_some('A', 2, 1000);
select capataz_test.complete_some('B', 2, 2000);
select capataz_test.complete_some('C', 2, 6000);

select results_eq(
  'select module_name::text, avg_duration_ms, peer_duration_ms, duration_difference, peer_count from capataz.module_benchmark()',
  $$values ('A', 1000::bigint, 4000::bigint, -75.0, 2::bigint), ('B', 2000, 3500, -42.9, 2), ('C', 6000, 1500, 300.0, 2)$$,
  'the median is that of the others'
);

select capataz_test.module('Alone', '{}', array['ALONE']);
select robot_id as r from capataz.submit_robot('ALONE', p_module_name => 'Alone', p_estimated_duration_minutes => 3) \gset
select execute_id as e from capataz.claim_robots('Alone') \gset
select capataz.report_progress(
  :'e', p_cpu_usage_percent => 50, p_memory_usage_mb => 2048, p_disk_io_mb => 30, p_network_io_mb => 12, p_external_api_calls => 4
);
select capataz_test.advance('2 minutes');
select capataz.complete_execution(:'e');
select results_eq(
  $$select efficiency, cpu_seconds, memory_gb_seconds, io_mb, api_calls, cost_per_robot, peer_cost, peer_count
    from capataz.module_benchmark() where module_name = 'Alone'$$,
  -- 60 s of a core + 0.125 x 240 GB s
  $$values (1.500, 60.000, 240.000, 42.00, 4.00, 90.000, null::numeric, 0::bigint)$$,
  'resources x time, per robot; efficiency is estimated / actual'
);

select robot_id as r from capataz.submit_robot('ALONE', p_module_name => 'Alone') \gset
select execute_id as e from capataz.claim_robots('Alone') \gset
select capataz.report_progress(:'e', p_cpu_usage_percent => 100);
select capataz_test.advance('10 seconds');
select capataz.fail_execution(:'e', 'it broke', p_retryable => false);
select is(
  (select cpu_seconds from capataz.module_benchmark() where module_name = 'Alone'), 70.000, 'what failed is paid by what completed'
);
create temporary table before on commit drop as select * from capataz.module_benchmark();
select capataz.fold_counters();
select set_eq('select * from capataz.module_benchmark()', 'table before', 'folded: the same');

select is_empty(
  $$select * from capataz.module_benchmark('2026-03-01', '2026-03-10 12:00:00')$$, 'hours outside the range do not count'
);
select is(
  (select count(*)::integer from capataz.module_benchmark('2026-03-09', '2026-03-11')), 4, 'a range of days reads days'
);
select throws_ok(
  $$select * from capataz.module_benchmark('2026-03-10', '2026-03-10')$$, 'RB400', 'from must lie before to, by 400 days at most',
  'an empty range'
);
select throws_ok($$select * from capataz.module_benchmark('-infinity')$$, 'RB400', null, 'no beginning');
select throws_ok($$select * from capataz.module_benchmark(p_to => 'infinity')$$, 'RB400', null, 'no end');

select * from finish();
rollback;
