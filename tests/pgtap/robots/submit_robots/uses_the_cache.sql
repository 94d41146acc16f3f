-- Elements with keys are answered from the cache, deduplicated, or take a key over, as single submits are.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('M') as m \gset
select count(*) from capataz.submit_robot('T', p_module_name => 'M', p_cache_key => 'done', p_robot_id => 'm-done');
select execute_id as e from capataz.claim_robots('M') \gset
select capataz.complete_execution(:'e', '{"v": 1}');
select count(*) from capataz.submit_robot('T', p_module_name => 'M', p_cache_key => 'failed', p_robot_id => 'm-failed');
select capataz.cancel_robot('m-failed');
select count(*) from capataz.submit_robot('T', p_module_name => 'M', p_cache_key => 'busy', p_robot_id => 'm-busy');
select results_eq(
  $$select status::text, cache_hit, deduplicated from capataz.submit_robots('[
    {"robot_type": "T", "cache_key": "done"}, {"robot_type": "T", "cache_key": "failed"}, {"robot_type": "T", "cache_key": "busy"},
    {"robot_type": "T"}, {"robot_type": "T", "cache_key": "new"}, {"robot_type": "T", "cache_key": "new"}]')$$,
  $$values ('COMPLETED', true, false), ('PENDING', false, false), ('PENDING', false, true), ('PENDING', false, false),
    ('PENDING', false, false), ('PENDING', false, true)$$, 'each as its key demands'
);
select is(
  (select count(*)::integer from capataz.robots where module_name = 'M' and cache_key is not null), 4,
  'four robots hold the four keys'
);

select * from finish();
rollback;
