-- compliance_context says where sensitive data is, and never what it is; it reaches the execution (specification 3.3, 5.1).
begin;
select plan(17);
select capataz_test.module('CtxA') as a \gset
select capataz_test.module('CtxB', '{"sensitive_paths": ["$.name", "$.result.iban"]}') as b \gset

select robot_id as robot from capataz.submit_robot('T', '{"mail": "ana@example.org"}', 'CtxA') \gset
select is(
  (capataz.get_robot(:'robot')).compliance_context,
  '{"sensitive_data": [{"where": "input_data", "path": "$.mail", "kind": "email"}]}', 'at submit: path and kind'
);
select execute_id from capataz.claim_robots('CtxA') \gset
select ok((capataz_test.execution(:'execute_id')).contains_sensitive_data, 'the execution says that there is some');
select is(
  (capataz_test.execution(:'execute_id')).compliance_context, (capataz.get_robot(:'robot')).compliance_context, 'and where'
);
select capataz.complete_execution(:'execute_id', '{"card": "4111 1111 1111 1111"}');
select is(
  (capataz_test.execution(:'execute_id')).compliance_context,
  '{"sensitive_data": [{"where": "input_data", "path": "$.mail", "kind": "email"},
    {"where": "output_data", "path": "$.card", "kind": "payment_card"}]}', 'what completion brings is added'
);
select is((capataz_test.module_row('CtxA')).total_robots_processed, 1, 'the execution is counted once');

select robot_id as plain from capataz.submit_robot('T', '{"n": 1, "at": "2026-01-02T03:04:05"}', 'CtxA') \gset
select is((capataz.get_robot(:'plain')).compliance_context, null::jsonb, 'nothing found: null');
select execute_id as plain_execution from capataz.claim_robots('CtxA') \gset
select is((capataz_test.execution(:'plain_execution')).contains_sensitive_data, false, 'and false');
select capataz.fail_execution(:'plain_execution', 'no account for ana@example.org', p_retryable => false);
select is(
  (capataz_test.execution(:'plain_execution')).compliance_context #>> '{sensitive_data,0,where}', 'error_details', 'errors count too'
);

-- declared paths
select robot_id as declared from capataz.submit_robot('T', '{"name": "Ana"}', 'CtxB') \gset
select is(
  (capataz.get_robot(:'declared')).compliance_context, '{"sensitive_data": [{"where": "input_data", "path": "$.name", "kind": "declared"}]}',
  'declared paths count'
);
select robot_id as bulk from capataz.submit_robots('[{"robot_type": "T", "module_name": "CtxB", "input_data": {"name": "Eva"}}]') \gset
select is((capataz.get_robot(:'bulk')).compliance_context, (capataz.get_robot(:'declared')).compliance_context, 'in bulk too');
select robot_id as keyed from capataz.submit_robot('T', '{"name": "Eva"}', 'CtxB', p_cache_key => 'ctx') \gset
select is((capataz.get_robot(:'keyed')).compliance_context, (capataz.get_robot(:'declared')).compliance_context, 'and with a cache key');
select c.execute_id as declared_execution from capataz.claim_robots('CtxB', 1) as c \gset
select is(
  capataz.complete_executions(jsonb_build_array(jsonb_build_object('execute_id', :'declared_execution', 'output_data', '{"result": {"iban": "ES1"}}'::jsonb)))::text
    ~ 'COMPLETED', true, 'completed in bulk'
);
select is(
  (capataz_test.execution(:'declared_execution')).compliance_context #>> '{sensitive_data,1,path}', '$.result.iban', 'declared paths of the output'
);

-- plain SQL
insert into capataz.robots (robot_id, robot_type, module_name, input_data)
values ('ctx-plain', 'T', 'CtxA', '{"mail": "ana@example.org"}');
select is((capataz.get_robot('ctx-plain')).compliance_context #>> '{sensitive_data,0,kind}', 'email', 'plain SQL obeys');
update capataz.robots set input_data = '{}' where robot_id = 'ctx-plain';
select is((capataz.get_robot('ctx-plain')).compliance_context, null::jsonb, 'what is no longer there is no longer noted');
update capataz.robots set status = 'PROCESSING' where robot_id = 'ctx-plain';
update capataz.robots set status = 'COMPLETED', output_data = '{"mail": "ana@example.org"}' where robot_id = 'ctx-plain';
select is(
  (select contains_sensitive_data from capataz.robot_execute where robot_id = 'ctx-plain'), true, 'its execution is marked'
);
select is_empty(
  $$select 1 from capataz.robots as r, capataz.robot_execute as e
    where r.compliance_context::text || e.compliance_context::text ~ 'ana@|4111|Eva'$$, 'no value stands in a context'
);

select * from finish();
rollback;
