-- An answer from the cache is born in the module it came from, and no less classified: it does not show a reader what he could
-- not see before (ADR 0022).
begin;
select plan(6);
select capataz_test.module('CacheS') as s \gset
select capataz_test.module('CacheO') as o \gset
select capataz.set_module_security('CacheS', 'STRICT');
select capataz.set_module_security('CacheO', 'OPEN');
create role cache_test_producer in role capataz_producer;
select robot_id as first from capataz.submit_robot('T', '{}', 'CacheS', p_cache_key => 'ck', p_security_classification => 'RESTRICTED') \gset
select capataz.complete_execution(c.execute_id, '{"result": "very secret"}') from capataz.claim_robots('CacheS') as c;

set local role cache_test_producer;
select results_eq(
  $$select status::text, cache_hit from capataz.submit_robot('T', '{}', 'CacheO', p_cache_key => 'ck', p_robot_id => 'cache-steal')$$,
  $$values ('PENDING', false)$$, 'whoever names another module is not answered from the cache'
);
select is((capataz.get_robot('cache-steal')).output_data, null::jsonb, 'and gets no output');
reset role;
select cache_key is null as moved from capataz.robots where robot_id = :'first' \gset
select ok(:'moved', 'the key has moved');

select robot_id as second from capataz.submit_robot('T', '{}', 'CacheS', p_cache_key => 'ck2', p_security_classification => 'RESTRICTED') \gset
select capataz.complete_execution(c.execute_id, '{"result": "very secret"}') from capataz.claim_robots('CacheS') as c;
select s.robot_id as hit, s.module_name as hit_module, s.cache_hit as is_hit from capataz.submit_robot('T', '{}', 'CacheS', p_cache_key => 'ck2') as s \gset
select ok(:'is_hit', 'the same module is answered');
select is((capataz.get_robot(:'hit')).security_classification, 'RESTRICTED', 'with the classification of the first');
set local role cache_test_producer;
select is((capataz.get_robot(:'hit')).output_data, '{"hidden": true}', 'hidden as that was');
reset role;

select * from finish();
rollback;
