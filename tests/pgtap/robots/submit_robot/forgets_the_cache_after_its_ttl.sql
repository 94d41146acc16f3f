-- Past cache_ttl_seconds of the module the key moves to a new robot; at the very second it still answers.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('I', '{"cache_ttl_seconds": 60}') as m \gset
select robot_id as r from capataz.submit_robot('T', p_module_name => 'I', p_cache_key => 'key') \gset
select execute_id as e from capataz.claim_robots('I') \gset
select capataz.complete_execution(:'e', '{"v": 1}');
select capataz_test.advance('60 seconds');
select is(
  (select cache_hit from capataz.submit_robot('T', p_module_name => 'I', p_cache_key => 'key')), true, 'after 60 s: a hit'
);
select capataz_test.advance('1 second');
select results_eq(
  $$select status::text, cache_hit, deduplicated from capataz.submit_robot('T', p_module_name => 'I', p_cache_key => 'key', p_robot_id => 'i-2')$$,
  $$values ('PENDING', false, false)$$, 'after 61 s: a new robot'
);
select is((capataz.get_robot('i-2')).cache_key::text, 'key', 'it has the key');
select is((capataz.get_robot(:'r')).cache_key, null, 'the old one has lost it');
select is((capataz.get_robot(:'r')).output_data, '{"v": 1}'::jsonb, 'but keeps its output');
select capataz.register_module('I', '1.0', array['T'], 'test', p_registration_data => '{"cache_ttl_seconds": null}');
select execute_id as e from capataz.claim_robots('I') \gset
select capataz.complete_execution(:'e', '{"v": 2}');
select capataz_test.advance('10 years');
select is(
  (select cache_hit from capataz.submit_robot('T', p_module_name => 'I', p_cache_key => 'key')), true,
  'without a TTL results never grow old'
);

select * from finish();
rollback;
