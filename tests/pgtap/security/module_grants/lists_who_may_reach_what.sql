-- Who may reach which module, since when, and who allowed it (ADR 0019).
begin;
select plan(4);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('ListA') as a \gset
select capataz_test.module('ListB') as b \gset
create role list_test_one in role capataz_worker;
create role list_test_admin in role capataz_admin;
set local role list_test_admin;
select capataz.grant_module('ListB', 'list_test_one');
select capataz.grant_module('ListA', 'list_test_one');
select results_eq(
  $$select module_name::text, role_name, granted_at, granted_by from capataz.module_grants() where module_name ~ '^List'$$,
  $$values
    ('ListA', 'list_test_one', '2026-03-10 12:00:00'::timestamp, 'list_test_admin'),
    ('ListB', 'list_test_one', '2026-03-10 12:00:00', 'list_test_admin')$$,
  'all grants, by module'
);
select results_eq(
  $$select role_name from capataz.module_grants('ListB')$$, $$values ('list_test_one')$$, 'those of one module'
);
select throws_ok($$select * from capataz.module_grants('ListNone')$$, 'RB404', 'no module "ListNone"', 'an unknown module');
reset role;
delete from capataz.module_registry where module_name = 'ListA';
select is_empty($$select * from capataz_ops.module_grants where module_name = 'ListA'$$, 'grants go with their module');

select * from finish();
rollback;
