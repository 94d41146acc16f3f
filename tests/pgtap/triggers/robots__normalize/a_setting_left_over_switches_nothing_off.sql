-- capataz.derived switches the row triggers off for a statement of the API alone; any other value has no effect.
begin;
select plan(4);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('B') as m \gset
select set_config('capataz.derived', '', false);
insert into capataz.robots (robot_id, robot_type, module_name, input_data) values ('b-1', 'T', 'B', '{}');
update capataz.robots set status = 'PROCESSING' where robot_id = 'b-1';
select is((select started_at from capataz.robots where robot_id = 'b-1'), '2026-03-10 12:00:00'::timestamp, 'empty');

select set_config('capataz.derived', '1', false);
update capataz.robots set status = 'COMPLETED' where robot_id = 'b-1';
select is((select completed_at from capataz.robots where robot_id = 'b-1'), '2026-03-10 12:00:00'::timestamp, 'another number');

select capataz_test.running('B') as e1 \gset
select capataz.complete_execution(:'e1');
select is(current_setting('capataz.derived', true), '', 'nothing is left of a call');
select throws_ok(
  format($$update capataz.robot_execute set execution_state = 'RUNNING' where execute_id = %L$$, :'e1'), 'RB409', null,
  'the state machine holds after it, in the same transaction'
);

select * from finish();
rollback;
