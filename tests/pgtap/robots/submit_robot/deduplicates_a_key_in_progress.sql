-- While the robot of a cache key is PENDING, PROCESSING or RETRYING, a second submit of the same type returns that robot (design 6),
-- in whichever module it is where the submit names none.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('G') as m \gset
select capataz_test.module('G2') as m \gset
select robot_id as r from capataz.submit_robot('T', p_module_name => 'G', p_cache_key => 'key') \gset
create view pg_temp.again as
select robot_id::text, module_name::text, status::text, cache_hit, deduplicated from capataz.submit_robot('T', p_cache_key => 'key');
select results_eq('table pg_temp.again', format($$values (%L, 'G', 'PENDING', false, true)$$, :'r'), 'PENDING');
select execute_id as e from capataz.claim_robots('G') \gset
select results_eq('table pg_temp.again', format($$values (%L, 'G', 'PROCESSING', false, true)$$, :'r'), 'PROCESSING');
select capataz.fail_execution(:'e', 'x');
select results_eq('table pg_temp.again', format($$values (%L, 'G', 'RETRYING', false, true)$$, :'r'), 'RETRYING');
select throws_ok(
  $$select * from capataz.submit_robot('T', p_module_name => 'G2', p_cache_key => 'key')$$, 'RB409', null,
  'whoever names another module is not handed to this one'
);
select is((select count(*)::integer from capataz.robots where module_name in ('G', 'G2')), 1, 'there is one robot');
select throws_ok(
  $$insert into capataz.robots (robot_id, robot_type, module_name, input_data, cache_key) values ('g-2', 'T', 'G', '{}', 'key')$$,
  '23505', null, 'plain SQL cannot make a second one either'
);

select * from finish();
rollback;
