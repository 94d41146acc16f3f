-- A COMPLETED robot with the key answers at once: born COMPLETED, same output, no execution, no key; counts nowhere.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('H') as m \gset
select robot_id as r from capataz.submit_robot('T', '{"doc": 1}', 'H', p_cache_key => 'key') \gset
select execute_id as e from capataz.claim_robots('H') \gset
select capataz_test.advance('9 seconds');
select capataz.complete_execution(:'e', '{"text": "hello"}', '{"cpu_ms": 1500}', 0.9, 0.8, 45);
select capataz.fold_counters();
select capataz_test.advance('1 hour');
select robot_id as hit, cache_hit, deduplicated, status from capataz.submit_robot(
  'T', '{"doc": 2}', 'H', 'LOW', p_cache_key => 'key', p_correlation_id => 'b', p_metadata => '{"mine": 1}', p_robot_id => 'h-hit'
) \gset
select is(array[:'cache_hit', :'deduplicated', :'status']::text[], array['t', 'f', 'COMPLETED'], 'a hit');
select results_eq(
  $$select status::text, output_data, input_data, cache_hit, cache_key::text, started_at, completed_at, created_at, processing_time_ms,
      actual_duration_minutes, enterprise_metadata, confidence_score, completeness_score, resource_usage_mb, correlation_id::text,
      performance_metrics
    from capataz.robots where robot_id = 'h-hit'$$,
  format($$values ('COMPLETED', '{"text": "hello"}'::jsonb, '{"doc": 2}'::jsonb, true, null::text, '2026-03-10 13:00:09'::timestamp,
      '2026-03-10 13:00:09'::timestamp, '2026-03-10 13:00:09'::timestamp, 0, 0, '{"mine": 1, "cache_source": "%s"}'::jsonb, 0.90, 0.80, 45,
      'b', '{"cpu_ms": 1500}'::jsonb)$$, :'r'),
  'born COMPLETED with the output of the first'
);
select is((select count(*)::integer from capataz.robot_execute where robot_id = 'h-hit'), 0, 'no execution');
select capataz.fold_counters();
select is((capataz_test.module_row('H')).total_robots_processed, 1, 'it counts in no total');
select is((capataz_test.module_row('H')).avg_processing_time_ms, 9000, 'and in no window');
select is(
  (select cache_hit from capataz.submit_robot('T', p_module_name => 'H', p_cache_key => 'key')), true, 'it answers again'
);
select is(
  (select enterprise_metadata ->> 'cache_source' from capataz.robots where module_name = 'H' and cache_hit and robot_id <> 'h-hit'), :'r',
  'always from the first robot'
);
select is((capataz.get_robot(:'r')).cache_key::text, 'key', 'which keeps the key');
select is((select count(*)::integer from capataz.claim_robots('H', 10)), 0, 'nothing is left to do');

select * from finish();
rollback;
