-- An upsert by name: a new version or environment re-labels the row; robots and counters stay.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select results_eq(
  $$select module_id::text, module_name::text, module_version::text, supported_robot_types, is_active, health_status::text, registered_at
    from capataz.register_module('Legal', '1.0', array['CONTRACT', 'INVOICE'])$$,
  $$values ('Legal_1.0_prod', 'Legal', '1.0', array['CONTRACT', 'INVOICE'], true, 'UNKNOWN', '2026-03-10 12:00'::timestamp)$$, 'registered, in prod'
);
select count(*) from capataz.submit_robot('CONTRACT', p_robot_id => 'l-1');
select capataz.complete_execution((select execute_id from capataz.claim_robots('Legal')));
select capataz.fold_counters();
select capataz_test.advance('1 hour');
select results_eq(
  $$select module_id::text, module_version::text, supported_robot_types, health_endpoint::text, total_robots_processed, registered_at, updated_at
    from capataz.register_module('Legal', '2.0', array['CONTRACT'], 'qa', 'http://legal/health')$$,
  $$values ('Legal_2.0_qa', '2.0', array['CONTRACT'], 'http://legal/health', 1, '2026-03-10 12:00'::timestamp, '2026-03-10 13:00'::timestamp)$$, 're-labelled; counters stay'
);
select is((capataz.get_robot('l-1')).module_name::text, 'Legal', 'robots stay');
select is(
  (capataz.register_module('Legal', '2.0', array['CONTRACT'], 'qa')).health_endpoint::text, 'http://legal/health',
  'null leaves the endpoint'
);
select is((select count(*)::integer from capataz.module_registry where module_name = 'Legal'), 1, 'one row');
select capataz.deactivate_module('Legal');
select is((capataz.register_module('Legal', '2.1', array['CONTRACT'])).is_active, false, 'registering does not activate');

select * from finish();
rollback;
