-- Who works for a module sees payloads in full; others what its security_level, its flags and the robot's classification
-- allow (specification 5.1, ADR 0022).
begin;
select plan(45);
select capataz_test.module('PayA', '{"sensitive_paths": ["$.name"]}') as a \gset
create role pay_test_viewer in role capataz_viewer;
create role pay_test_worker in role capataz_worker;
create role pay_test_producer in role capataz_producer;
create role pay_test_gateway in role capataz_gateway;
select capataz.grant_module('PayA', 'pay_test_worker');
select capataz.issue_api_key('PayA', 'r', array['read']) as read_key \gset
select capataz.issue_api_key('PayA', 's', array['submit', 'read']) as submit_key \gset
select robot_id as robot from capataz.submit_robot('T', '{"name": "Ana", "mail": "ana@example.org", "n": 7}', 'PayA') \gset
select robot_id as secret from capataz.submit_robot('T', '{"n": 7}', 'PayA', p_security_classification => 'SECRET') \gset
select robot_id as plain from capataz.submit_robot('T', '{"n": 7}', 'PayA') \gset

set local role pay_test_worker;
select is(capataz.robot_data(:'robot', 'input_data'), '{"name": "Ana", "mail": "ana@example.org", "n": 7}', 'a worker of the module: in full');
select is((capataz.get_robot(:'secret')).input_data, '{"n": 7}', 'classified robots too');
set local role capataz_operator;
select is(capataz.robot_data(:'robot', 'input_data') ->> 'name', 'Ana', 'an operator: in full');
set local role pay_test_viewer;
select is(capataz.robot_data(:'robot', 'input_data'), '{"name": "***", "mail": "***", "n": 7}', 'a viewer: what is sensitive is masked');
select is((capataz.get_robot(:'robot')).input_data, '{"name": "***", "mail": "***", "n": 7}', 'get_robot too');
select is((select input_data from capataz.robot_details where robot_id = :'robot'), '{"name": "***", "mail": "***", "n": 7}', 'and the view');
select is((select status::text from capataz.robot_details where robot_id = :'robot'), 'PENDING', 'the view has the other columns');
select is(capataz.robot_data(:'secret', 'input_data'), '{"hidden": true}', 'what is classified is hidden');
select is(capataz.robot_data(:'plain', 'output_data'), null::jsonb, 'what is not there is null');
select throws_ok('select input_data from capataz.robots', '42501', 'permission denied for table robots', 'the column is closed to a viewer');
select throws_ok('select * from capataz.robot_execute', '42501', 'permission denied for table robot_execute', 'no star over payloads');
select lives_ok('select robot_id, status, error_category from capataz.robots', 'other columns are open');
set local role pay_test_producer;
select is(capataz.robot_data(:'robot', 'input_data') ->> 'name', '***', 'a producer that is tied to nothing: masked');
set local role pay_test_gateway;
select is((select label from capataz.authenticate(:'read_key')), 'r', 'a key that may only read');
select is(capataz.robot_data(:'robot', 'input_data') ->> 'name', '***', 'masked');
select is((select label from capataz.authenticate(:'submit_key')), 's', 'a key that submits');
select is(capataz.robot_data(:'robot', 'input_data') ->> 'name', 'Ana', 'in full');
reset role;

select capataz.set_module_security('PayA', 'BASIC', '{"GDPR": true, "PCI": false}');
set local role pay_test_viewer;
select is(capataz.robot_data(:'robot', 'input_data'), '{"hidden": true}', 'with a flag: hidden where sensitive data was found');
select is(capataz.robot_data(:'plain', 'input_data'), '{"n": 7}', 'and shown where not');
reset role;
select capataz.set_module_security('PayA', 'BASIC', '{"gdpr": "true", "eu": {"hipaa": true}}');
set local role pay_test_viewer;
select is(capataz.robot_data(:'robot', 'input_data'), '{"hidden": true}', 'a flag is set by whatever is neither false nor null');
reset role;
select capataz.set_module_security('PayA', 'BASIC', '{"GDPR": false, "PCI": null}');
set local role pay_test_viewer;
select is(capataz.robot_data(:'robot', 'input_data') ->> 'n', '7', 'false and null set none');
reset role;

-- what no trigger looks at: metadata, metrics, details of steps
select robot_id as meta from capataz.submit_robot('T', '{"n": 7}', 'PayA', p_metadata => '{"d": "HIV", "m": "b@x.com"}') \gset
update capataz.robots set performance_metrics = '{"m": "b@x.com", "d": "HIV"}' where robot_id = :'meta';
create function pg_temp.shown(p_robot_id text) returns text language sql as $$
  select concat_ws(' ', r.input_data, r.enterprise_metadata, r.performance_metrics)
  from capataz.robot_details as r where r.robot_id = p_robot_id
$$;
set local role pay_test_viewer;
select is(pg_temp.shown(:'meta'), '{"n": 7} {"d": "HIV", "m": "***"} {"d": "HIV", "m": "***"}', 'without a flag: masked');
reset role;
select capataz.set_module_security('PayA', 'BASIC', '{"GDPR": true}');
set local role pay_test_viewer;
select is(pg_temp.shown(:'meta'), '{"n": 7} {"hidden": true} {"hidden": true}', 'with one: hidden where it is');
reset role;
select capataz.set_module_security('PayA', 'OPEN');
set local role pay_test_viewer;
select is(pg_temp.shown(:'meta'), '{"n": 7} {"hidden": true} {"hidden": true}', 'of a module that is OPEN too');
reset role;
select execute_id as running from capataz.claim_robots('PayA', 100) where robot_id = :'meta' \gset
select capataz.report_progress(:'running', 10, 'read', p_step_details => '{"d": "HIV", "m": "b@x.com"}');
select capataz.retry_step(:'running', 'b@x.com has HIV');
set local role pay_test_viewer;
select is(capataz.execution_data(:'running', 'step_details'), '{"hidden": true}', 'details of steps');
select is(capataz.execution_data(:'running', 'error_message'), '"(hidden)"', 'messages');
select is(capataz.execution_data(:'running', 'execution_metadata'), '{}', 'what holds nothing is shown');
reset role;

-- compliance_context names places within payloads
select is(capataz.robot_data(:'robot', 'compliance_context') -> 'sensitive_data' -> 0 ->> 'kind', 'declared', 'where it was found: in full');
select execute_id as execution from capataz.robot_execute where robot_id = :'robot' \gset
select capataz.set_module_security('PayA', 'BASIC', '{}');
set local role pay_test_viewer;
select is(
  capataz.robot_data(:'robot', 'compliance_context') #>> '{sensitive_data,1,path}', '$.mail', 'who sees a payload masked sees where it is'
);
select is(
  (select compliance_context #>> '{sensitive_data,1,path}' from capataz.execution_details where execute_id = :'execution'), '$.mail',
  'of its executions too'
);
select throws_ok('select compliance_context from capataz.robots', '42501', 'permission denied for table robots', 'by the views alone');
select throws_ok(
  'select compliance_context from capataz.robot_execute', '42501', 'permission denied for table robot_execute', 'executions too'
);
reset role;
select capataz.set_module_security('PayA', 'STRICT', '{}');
set local role pay_test_viewer;
select is((select compliance_context from capataz.robot_details where robot_id = :'robot'), '{"hidden": true}', 'else it is hidden too');
select is((select compliance_context from capataz.execution_details where execute_id = :'execution'), '{"hidden": true}', 'of executions');
select is((capataz.get_robot(:'robot')).compliance_context, '{"hidden": true}', 'and by functions');
set local role pay_test_worker;
select is(capataz.execution_data(:'execution', 'compliance_context') #>> '{sensitive_data,1,path}', '$.mail', 'a worker of the module: in full');
select is((select compliance_context #>> '{sensitive_data,1,path}' from capataz.robots where robot_id = :'robot'), '$.mail', 'from the table too');
reset role;
set local role pay_test_viewer;
select is(capataz.robot_data(:'plain', 'input_data'), '{"hidden": true}', 'STRICT hides everything');
reset role;
select capataz.set_module_security('PayA', 'OPEN');
set local role pay_test_viewer;
select is(capataz.robot_data(:'robot', 'input_data') ->> 'name', 'Ana', 'OPEN shows everything');
select is(capataz.robot_data(:'secret', 'input_data'), '{"hidden": true}', 'but for what is classified');
reset role;
update capataz.module_registry set security_level = 'TOPSECRET' where module_name = 'PayA';
set local role pay_test_viewer;
select is(capataz.robot_data(:'plain', 'input_data'), '{"hidden": true}', 'a level that is not known hides');
select throws_ok(format('select capataz.robot_data(%L, ''priority'')', :'plain'), 'RB400', 'field has an unknown value', 'payload columns alone');
select throws_ok(format('select capataz.robot_data(%L, null)', :'plain'), 'RB400', 'field is required', 'a field is needed');
select throws_ok($$select capataz.robot_data('no-such', 'input_data')$$, 'RB404', 'no robot "no-such"', 'an unknown robot');
reset role;
select is((select input_data ->> 'name' from capataz.robots where robot_id = :'robot'), 'Ana', 'the table keeps what was given');

select * from finish();
rollback;
