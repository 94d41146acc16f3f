-- security_level and compliance_flags are set by admins (specification 3.1, 5.1).
begin;
select plan(7);
select capataz_test.module('SecLevel') as a \gset
set local role capataz_admin;
select capataz.set_module_security('SecLevel', 'STRICT', '{"GDPR": true}');
select results_eq(
  $$select security_level::text, compliance_flags from capataz.module_registry where module_name = 'SecLevel'$$,
  $$values ('STRICT', '{"GDPR": true}'::jsonb)$$, 'both are stored'
);
select capataz.set_module_security('SecLevel', p_compliance_flags => '{}');
select is((select security_level::text from capataz.module_registry where module_name = 'SecLevel'), 'STRICT', 'null leaves the level');
select capataz.set_module_security('SecLevel', 'OPEN');
select is((select compliance_flags from capataz.module_registry where module_name = 'SecLevel'), '{}'::jsonb, 'null leaves the flags');
select throws_ok($$select capataz.set_module_security('SecLevel', 'SECRET')$$, 'RB400', 'security_level has an unknown value', 'three levels');
select throws_ok($$select capataz.set_module_security('SecLevel', null, '[]')$$, 'RB400', 'compliance_flags must be a JSON object', 'flags are an object');
select throws_ok($$select capataz.set_module_security('SecNone', 'OPEN')$$, 'RB404', 'no module "SecNone"', 'an unknown module');
set local role capataz_operator;
select throws_ok(
  $$select capataz.set_module_security('SecLevel', 'OPEN')$$, '42501', 'permission denied for function set_module_security',
  'operators do not open what admins closed'
);
reset role;

select * from finish();
rollback;
