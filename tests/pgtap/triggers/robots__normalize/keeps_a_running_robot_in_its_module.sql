-- A PROCESSING robot cannot move to another module; a waiting one can, and is due no earlier than now.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('H1') as m \gset
select capataz_test.module('H2') as m \gset
select capataz_test.running('H1') as e \gset
select throws_ok(
  $$update capataz.robots set module_name = 'H2' where module_name = 'H1'$$, 'RB409', null, 'a running robot stays'
);
select capataz_test.robot('H1', p_robot_id => 'h-1') as r \gset
select capataz_test.advance('1 minute');
select lives_ok($$update capataz.robots set module_name = 'H2' where robot_id = 'h-1'$$, 'a waiting robot moves');
select is((capataz.get_robot('h-1')).available_at, '2026-03-10 12:01', 'it is due now in the new module');
select capataz_test.advance('1 minute');
update capataz.robots set priority = 'HIGH' where robot_id = 'h-1';
select is((capataz.get_robot('h-1')).available_at, '2026-03-10 12:02', 'and now again with another priority');
update capataz.robots set source_reference = 'elsewhere' where robot_id = 'h-1';
select is((capataz.get_robot('h-1')).available_at, '2026-03-10 12:02', 'other changes leave its due time');
select capataz_test.advance('1 minute');
select is((select robot_id from capataz.claim_robots('H2')), 'h-1', 'the new module gets it');

select * from finish();
rollback;
