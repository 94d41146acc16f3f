-- Execution COMPLETED: robot COMPLETED; FAILED: RETRYING while retries are left and the error can be retried, else FAILED;
-- CANCELLED: FAILED with category CANCELLED (design 5), by plain SQL on executions alone.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('E') as m \gset
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status, retry_limit)
values
  ('e-1', 'T', 'E', '{}', 'PROCESSING', 3), ('e-2', 'T', 'E', '{}', 'PROCESSING', 3), ('e-3', 'T', 'E', '{}', 'PROCESSING', 0),
  ('e-4', 'T', 'E', '{}', 'PROCESSING', 3), ('e-5', 'T', 'E', '{}', 'PROCESSING', 3), ('e-6', 'T', 'E', '{}', 'PROCESSING', 3);
select capataz_test.advance('5 seconds');
update capataz.robot_execute set execution_state = 'COMPLETED' where robot_id = 'e-1';
update capataz.robot_execute
set execution_state = 'FAILED', error_category = 'EXTERNAL_API', error_message = 'no answer', current_step = 'FETCH'
where robot_id = 'e-2';
update capataz.robot_execute set execution_state = 'FAILED' where robot_id = 'e-3';
update capataz.robot_execute set execution_state = 'FAILED', error_category = 'VALIDATION' where robot_id = 'e-4';
update capataz.robot_execute set execution_state = 'CANCELLED' where robot_id = 'e-5';
select results_eq(
  $$select robot_id::text, status::text, error_category::text, retry_count from capataz.robots where module_name = 'E' order by robot_id$$,
  $$values
    ('e-1', 'COMPLETED', null, 0), ('e-2', 'RETRYING', 'EXTERNAL_API', 1), ('e-3', 'FAILED', 'PROCESSING', 0),
    ('e-4', 'FAILED', 'VALIDATION', 0), ('e-5', 'FAILED', 'CANCELLED', 0), ('e-6', 'PROCESSING', null, 0)$$,
  'each robot goes where its execution demands'
);
select is(
  (capataz.get_robot('e-2')).error_details, '{"type": "EXTERNAL_API", "message": "no answer", "step": "FETCH"}'::jsonb,
  'the error is structured'
);
select is((capataz.get_robot('e-2')).available_at, '2026-03-10 12:00:10', 'the retry backs off, as after fail_execution');
select is((capataz.get_robot('e-1')).processing_time_ms, 5000, 'times of the robot follow');
select ok(capataz_test.is_coupled('E'), 'robots and executions agree');
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status)
select 'e-' || i, 'T', 'E', '{}', 'PROCESSING' from generate_series(7, 9) as i;
update capataz.robot_execute
set execution_state = case robot_id when 'e-7' then 'COMPLETED' when 'e-8' then 'CANCELLED' else 'FAILED' end::capataz.execution_state_enum
where robot_id in ('e-7', 'e-8', 'e-9') and completed_at is null;
select results_eq(
  $$select status::text from capataz.robots where robot_id in ('e-7', 'e-8', 'e-9') order by robot_id$$,
  $$values ('COMPLETED'), ('FAILED'), ('RETRYING')$$, 'one statement that ends executions different ways'
);
select ok(capataz_test.is_coupled('E'), 'they still agree');
update capataz.robot_execute set error_message = 'noted later' where robot_id = 'e-2';
select is((capataz.get_robot('e-2')).status::text, 'RETRYING', 'a later change of history moves nothing');

select * from finish();
rollback;
