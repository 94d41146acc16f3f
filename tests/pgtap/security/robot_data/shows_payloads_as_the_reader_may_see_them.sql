-- Who works for a module sees payloads in full; others what its security_level, its flags and the robot's classification
-- allow (specification 5.1, ADR 0022).
begin;
select plan(27);
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
select capataz.set_module_security('PayA', 'STRICT', '{}');
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
