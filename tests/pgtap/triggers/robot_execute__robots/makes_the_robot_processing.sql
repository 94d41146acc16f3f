-- An active execution inserted by hand makes its robot PROCESSING, whichever active state it has.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('D') as m \gset
insert into capataz.robots (robot_id, robot_type, module_name, input_data)
select 'd-' || s, 'T', 'D', '{}' from unnest('{PENDING,RUNNING,PAUSED,RETRYING,COMPLETED,FAILED,CANCELLED}'::text[]) as s;
insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state)
select gen_random_uuid()::text, 'd-' || s, 'D', s::capataz.execution_state_enum
from unnest('{PENDING,RUNNING,PAUSED,RETRYING,COMPLETED,FAILED,CANCELLED}'::text[]) as s;
select set_eq(
  $$select substr(robot_id, 3) from capataz.robots where module_name = 'D' and status = 'PROCESSING'$$,
  array['PENDING', 'RUNNING', 'PAUSED', 'RETRYING'], 'robots with an active execution are PROCESSING'
);
select set_eq(
  $$select substr(robot_id, 3) from capataz.robots where module_name = 'D' and status = 'PENDING'$$,
  array['COMPLETED', 'FAILED', 'CANCELLED'], 'history of other robots may be inserted'
);
select ok(capataz_test.is_coupled('D'), 'robots and executions agree');
select throws_ok(
  $$insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state)
    values (gen_random_uuid()::text, 'd-RUNNING', 'D', 'RUNNING')$$,
  '23505', null, 'a robot has at most one active execution'
);
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status)
values ('d-done', 'T', 'D', '{}', 'COMPLETED'), ('d-failed', 'T', 'D', '{}', 'FAILED');
select throws_ok(
  $$insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state)
    values (gen_random_uuid()::text, 'd-done', 'D', 'RUNNING')$$,
  'RB409', null, 'a COMPLETED robot cannot run again'
);
select throws_ok(
  $$insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state)
    values (gen_random_uuid()::text, 'd-failed', 'D', 'PENDING')$$,
  'RB409', null, 'nor can a FAILED one without retry_robot'
);

select * from finish();
rollback;
