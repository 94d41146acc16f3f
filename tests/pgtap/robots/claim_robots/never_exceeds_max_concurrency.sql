-- max_concurrency: limit, give back, lowering, raising, removing, setting on a running module (design 6).
begin;
select plan(12);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('G', '{"max_concurrency": 3}') as m \gset
select capataz_test.robots('G', 60);
create temporary table c on commit drop as select * from capataz.claim_robots('G', 10);
select is((select count(*)::integer from c), 3, 'three of ten wanted');
select is_empty($$select * from capataz.claim_robots('G', 10)$$, 'then nothing');
select capataz.complete_execution((select execute_id from c limit 1));
select is((select count(*)::integer from capataz.claim_robots('G', 10)), 1, 'one ended: one more');
select capataz.fail_execution((select execute_id from c offset 1 limit 1), 'x');
select capataz.release_robots(array[(select execute_id from c offset 2 limit 1)]);
select is((select count(*)::integer from capataz.claim_robots('G', 10)), 2, 'failing and releasing give units back too');
select capataz.register_module('G', '1.0', array['T'], 'test', p_registration_data => '{"max_concurrency": 1}');
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'G' and completed_at is null), 3,
  'lowering takes no running robot away'
);
create temporary table running on commit drop as
select execute_id from capataz.robot_execute where module_name = 'G' and completed_at is null;
select capataz.complete_execution((select execute_id from running limit 1));
select is_empty($$select * from capataz.claim_robots('G', 10)$$, 'two of one run: nothing');
select capataz.complete_execution((select execute_id from running offset 1 limit 1));
select is_empty($$select * from capataz.claim_robots('G', 10)$$, 'one of one runs: nothing');
select capataz.complete_execution((select execute_id from running offset 2 limit 1));
select is((select count(*)::integer from capataz.claim_robots('G', 10)), 1, 'none runs: one');
select capataz.register_module('G', '1.0', array['T'], 'test', p_registration_data => '{"max_concurrency": 5}');
select is((select count(*)::integer from capataz.claim_robots('G', 10)), 4, 'raised to five: four more');
select capataz.register_module('G', '1.0', array['T'], 'test', p_registration_data => '{"max_concurrency": null}');
select is((select count(*)::integer from capataz.claim_robots('G', 7)), 7, 'removed: no limit');
select capataz.register_module('G', '1.0', array['T'], 'test', p_registration_data => '{"max_concurrency": 13}');
select is((select count(*)::integer from capataz.claim_robots('G', 10)), 1, 'set to 13 while 12 run: one more');
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'G' and completed_at is null), 13,
  'never more than the limit'
);

select * from finish();
rollback;
