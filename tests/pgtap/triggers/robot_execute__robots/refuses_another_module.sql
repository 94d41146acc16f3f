-- An execution runs in the module of its robot.
begin;
select plan(2);
select capataz.register_module('Own', '1', array['OWN']) is not null as m \gset
select s.robot_id as r from capataz.submit_robot('OWN', p_module_name => 'Own') as s \gset
select throws_ok(
  format(
    $$insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state)
      values ('00000000-0000-7000-8000-000000000001', %L, 'Other', 'RUNNING')$$, :'r'
  ),
  'RB409', null, 'another module is refused'
);
select is((capataz.get_robot(:'r')).status, 'PENDING', 'nothing changed');
select * from finish();
rollback;
