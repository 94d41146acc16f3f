-- fold_counters makes free units + active executions = max_concurrency again, whatever happened to the units.
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('H', '{"max_concurrency": 20}') as m \gset
select capataz_test.robots('H', 60);
select is((select count(*)::integer from capataz.claim_robots('H', 5)), 5, 'five run');
delete from capataz_ops.module_permits where module_name = 'H';
select is_empty($$select * from capataz.claim_robots('H', 50)$$, 'units are lost: nothing');
select capataz.fold_counters();
select is(
  (select sum(free_count)::integer from capataz_ops.module_permits where module_name = 'H'), 15, 'reconciled: 15 are free'
);
select is(
  (select count(*)::integer from capataz_ops.module_permits where module_name = 'H'), 8,
  'in several rows, so that claims do not meet'
);
select is((select count(*)::integer from capataz.claim_robots('H', 50)), 15, 'all are given');
insert into capataz_ops.module_permits (module_name, free_count) values ('H', 1000);
select capataz.fold_counters();
select is_empty($$select * from capataz.claim_robots('H', 50)$$, 'units out of nowhere are taken away');
select is((capataz_test.module_row('H')).capacity_utilization, 1.00, 'capacity_utilization is 1.00');
select capataz.complete_execution(execute_id) from capataz.robot_execute where module_name = 'H' and completed_at is null limit 10;
select capataz.fold_counters();
select is((capataz_test.module_row('H')).capacity_utilization, 0.50, 'ten of twenty');
update capataz.robot_execute set has_permit = false where module_name = 'H' and completed_at is null;
select capataz.fold_counters();
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'H' and completed_at is null and has_permit), 10,
  'executions without a unit are adopted'
);
select capataz.register_module('H', '1.0', array['T'], 'test', p_registration_data => '{"max_concurrency": null}');
select capataz.fold_counters();
select is((capataz_test.module_row('H')).capacity_utilization, 0.00, 'no limit: 0');

select * from finish();
rollback;
