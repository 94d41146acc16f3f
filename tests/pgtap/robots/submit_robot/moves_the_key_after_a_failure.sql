-- After FAILED the key moves to the new robot (design 6).
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('J') as m \gset
select robot_id as r from capataz.submit_robot('T', p_module_name => 'J', p_cache_key => 'key') \gset
select execute_id as e from capataz.claim_robots('J') \gset
select capataz.fail_execution(:'e', 'x', 'VALIDATION');
select results_eq(
  $$select status::text, cache_hit, deduplicated from capataz.submit_robot('T', p_module_name => 'J', p_cache_key => 'key', p_robot_id => 'j-2')$$,
  $$values ('PENDING', false, false)$$, 'a new robot'
);
select is((capataz.get_robot(:'r')).cache_key, null, 'the FAILED one has lost the key');
select is((capataz.get_robot('j-2')).cache_key::text, 'key', 'the new one has it');
select capataz.cancel_robot('j-2');
select is(
  (select deduplicated or cache_hit from capataz.submit_robot('T', p_module_name => 'J', p_cache_key => 'key')), false,
  'a cancelled robot does not hold it either'
);
select lives_ok(format('select capataz.retry_robot(%L)', :'r'), 'the old robot may be retried, without the key');

select * from finish();
rollback;
