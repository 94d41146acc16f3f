-- is_active, consecutive_failures 0, an UNHEALTHY state is lifted, however it came.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select capataz_test.fail_some('A', 5);
select capataz.deactivate_module('A', 'broken');
select results_eq(
  $$select is_active, consecutive_failures, health_status::text from capataz.activate_module('A')$$, $$values (true, 0, 'HEALTHY')$$, 'active, no failures, healthy'
);
select is((capataz_test.module_row('A')).error_count_24h, 5, 'the window stays');
select capataz_test.fail_some('A', 1);
select is((capataz_test.module_row('A')).consecutive_failures, 1, 'counting begins anew');
select is((capataz.activate_module('A')).is_active, true, 'activating an active module is fine');
update capataz.module_registry set health_status = 'UNHEALTHY', consecutive_failures = 0 where module_name = 'A';
select isnt((capataz.activate_module('A')).health_status::text, 'UNHEALTHY', 'UNHEALTHY that was set by hand is lifted too');
select throws_ok($$select capataz.activate_module('nobody')$$, 'RB404', 'no module "nobody"', 'unknown');
select throws_ok('select capataz.activate_module(null)', 'RB400', 'module_name is required', 'null');

select * from finish();
rollback;
