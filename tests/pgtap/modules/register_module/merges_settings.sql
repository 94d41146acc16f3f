-- p_registration_data: given keys replace, absent keys stay, null removes; reserved keys are refused and never returned.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select is(
  (capataz.register_module('M', '1', array['T'], p_registration_data => '{"max_concurrency": 4, "mine": {"a": 1}, "gone": null}')).registration_data,
  '{"max_concurrency": 4, "mine": {"a": 1}}'::jsonb, 'the first registration'
);
select is(
  (capataz.register_module('M', '1', array['T'], p_registration_data => '{"mine": {"b": 2}, "timeout_seconds": 9}')).registration_data,
  '{"max_concurrency": 4, "mine": {"b": 2}, "timeout_seconds": 9}'::jsonb, 'given keys replace, absent ones stay'
);
select is(
  (capataz.register_module('M', '1', array['T'], p_registration_data => '{"mine": null}')).registration_data,
  '{"max_concurrency": 4, "timeout_seconds": 9}'::jsonb, 'null removes'
);
select is(
  (capataz.register_module('M', '1', array['T'])).registration_data, '{"max_concurrency": 4, "timeout_seconds": 9}'::jsonb,
  'nothing given, nothing changes'
);
select is(
  (capataz.register_module('M', '1', array['T'], null, null, null)).registration_data,
  '{"max_concurrency": 4, "timeout_seconds": 9}'::jsonb, 'null either'
);
select throws_ok(
  $$select capataz.register_module('M', '1', array['T'], p_registration_data => '{"api_keys": {}}')$$, 'RB400', 'registration_data.api_keys is reserved', 'a reserved key'
);
update capataz.module_registry set registration_data = registration_data || '{"api_keys": {"k": "secret"}}' where module_name = 'M';
select is(
  (capataz.register_module('M', '1', array['T'])).registration_data ? 'api_keys', false, 'register_module does not return it'
);
select is((capataz.activate_module('M')).registration_data ? 'api_keys', false, 'nor does activate_module');
select is((capataz.deactivate_module('M')).registration_data ? 'api_keys', false, 'nor deactivate_module');
select is((capataz_test.module_row('M')).registration_data ? 'api_keys', true, 'the row keeps it');
select is((select max_concurrency from capataz_ops.module_settings where module_name = 'M'), 4, 'settings are in force');

select * from finish();
rollback;
