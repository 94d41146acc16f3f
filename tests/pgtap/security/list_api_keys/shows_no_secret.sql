-- Ids, labels, scopes and times; hashes are for admins who read the table, and for nobody else (ADR 0020).
begin;
select plan(7);
select capataz_test.module('LstA') as a \gset
select capataz_test.module('LstB') as b \gset
select capataz.issue_api_key('LstA', 'app', array['admin']) as key \gset
select capataz.issue_api_key('LstB', 'other', array['admin']) as other_key \gset
create role lst_test_gateway in role capataz_gateway;

select is_empty(
  format('select * from capataz.list_api_keys() as l where l::text ~ %L', split_part(:'key', '_', 3)), 'no part of a secret'
);
select is_empty(
  format('select * from capataz.list_api_keys() as l where l::text ~ %L', encode(sha256(:'key'::bytea), 'hex')), 'no hash'
);
set local role lst_test_gateway;
select is((select label from capataz.authenticate(:'key')), 'app', 'a key with scope admin');
select results_eq('select label from capataz.list_api_keys()', $$values ('app')$$, 'sees the keys of its module');
select throws_ok($$select * from capataz.list_api_keys('LstB')$$, 'RB403', 'module "LstB" is not yours', 'and of no other');
set local role capataz_operator;
select throws_ok(
  'select registration_data from capataz.module_registry', '42501', 'permission denied for table module_registry',
  'an operator does not read the column with the hashes'
);
set local role capataz_admin;
select ok(
  (select registration_data::text ~ encode(sha256(:'key'::bytea), 'hex') from capataz.module_registry where module_name = 'LstA'),
  'an admin does'
);
reset role;

select * from finish();
rollback;
