-- Error messages and stack traces may carry data: readers see them masked (specification 5.1, ADR 0022).
begin;
select plan(9);
select capataz_test.module('ErrA', '{"failure_threshold": 1}') as a \gset
create role err_test_viewer in role capataz_viewer;
select capataz_test.running('ErrA') as execute_id \gset
select capataz.fail_execution(:'execute_id', 'no account for ana@example.org', p_error_stack_trace => 'at ana@example.org');

set local role capataz_operator;
select is(capataz.execution_data(:'execute_id', 'error_message') #>> '{}', 'no account for ana@example.org', 'an operator sees it');
set local role err_test_viewer;
select is(capataz.execution_data(:'execute_id', 'error_message') #>> '{}', 'no account for ***', 'a viewer sees it masked');
select is(
  (select error_stack_trace from capataz.execution_details where execute_id = :'execute_id'), 'at ***', 'the view shows it so'
);
select is(
  (select error_details ->> 'message' from capataz.robot_details as r
   join capataz.execution_details as e using (robot_id) where e.execute_id = :'execute_id'),
  'no account for ***', 'and the robot'
);
select is(
  (select reason from capataz.module_health('ErrA')), '1 executions failed in a row: no account for ***', 'health tells it so'
);
select is(capataz.execution_data(:'execute_id', 'step_details'), '{}', 'JSON columns are JSON');
select throws_ok(
  format('select capataz.execution_data(%L, ''worker_id'')', :'execute_id'), 'RB400', 'field has an unknown value', 'payload columns alone'
);
select throws_ok($$select capataz.execution_data('x', 'error_message')$$, 'RB404', 'no execution "x"', 'an unknown execution');
select throws_ok('select error_message from capataz.robot_execute', '42501', 'permission denied for table robot_execute', 'the column is closed');
reset role;

select * from finish();
rollback;
