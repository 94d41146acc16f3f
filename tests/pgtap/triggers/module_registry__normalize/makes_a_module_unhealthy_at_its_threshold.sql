-- The threshold rule holds for plain updates of the row as well; 0 failures lift UNHEALTHY.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('W', '{"failure_threshold": 2}') as m \gset
update capataz.module_registry set consecutive_failures = 1 where module_name = 'W';
select is((capataz_test.module_row('W')).health_status::text, 'UNKNOWN', 'below');
update capataz.module_registry set consecutive_failures = 2 where module_name = 'W';
select is((capataz_test.module_row('W')).health_status::text, 'UNHEALTHY', 'at the threshold');
update capataz.module_registry set consecutive_failures = 0 where module_name = 'W';
select is((capataz_test.module_row('W')).health_status::text, 'HEALTHY', 'back at 0');
update capataz.module_registry set health_status = 'DEGRADED' where module_name = 'W';
update capataz.module_registry set consecutive_failures = 1 where module_name = 'W';
update capataz.module_registry set consecutive_failures = 0 where module_name = 'W';
select is((capataz_test.module_row('W')).health_status::text, 'HEALTHY', 'DEGRADED typed by hand lasts until something changes');
select capataz_test.advance('1 minute');
update capataz.module_registry set health_endpoint = 'http://w' where module_name = 'W';
select is((capataz_test.module_row('W')).updated_at, '2026-03-10 12:01', 'updated_at follows');
select is((capataz_test.module_row('W')).registered_at, '2026-03-10 12:00', 'registered_at stays');

select * from finish();
rollback;
