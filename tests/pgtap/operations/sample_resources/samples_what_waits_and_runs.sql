-- One sample a minute: queue by status and priority, oldest due, what runs and what it uses; the sum over all; figures of the database.
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:30');

select capataz_test.module('A', '{"max_concurrency": 5}') as m \gset
select capataz_test.module('B') as m \gset
select capataz_test.module('Idle') as m \gset
select capataz_test.robots('A', 3, '{"priority": "LOW"}');
select capataz_test.robots('A', 2, '{"priority": "HIGH", "available_at": "2026-03-10T13:00:00"}');
select capataz_test.robots('B', 4);
select capataz_test.advance('90 seconds');
select capataz_test.robot('A', 'CRITICAL') as r \gset
select execute_id as e from capataz.claim_robots('A') \gset
select capataz.report_progress(:'e', 50, p_cpu_usage_percent => 120.5, p_memory_usage_mb => 300, p_disk_io_mb => 7, p_network_io_mb => 9);
select capataz.fail_execution(c.execute_id, 'again') from capataz.claim_robots('B') as c;

select is(capataz.sample_resources(), 2, 'two modules are not idle');
select results_eq(
  $$select pending, retrying, not_due, in_flight, capacity, oldest_due_seconds, cpu_percent, memory_mb, disk_io_mb, network_io_mb, is_estimate
    from capataz_ops.module_trends where module_name = 'A'$$,
  $$values (array[3, 0, 2, 0], array[0, 0, 0, 0], 2, 1, 5, 90, 120.50, 300::bigint, 7::bigint, 9::bigint, false)$$, 'module A'
);
select results_eq(
  $$select pending, retrying, not_due, in_flight, capacity from capataz_ops.module_trends where module_name = 'B'$$,
  $$values (array[0, 3, 0, 0], array[0, 1, 0, 0], 1, 0, null::integer)$$, 'module B: one waits for another attempt'
);
select is_empty($$select from capataz_ops.module_trends where module_name = 'Idle'$$, 'no row for a module that is idle');
select results_eq(
  $$select pending, retrying, not_due, in_flight, memory_mb from capataz_ops.module_trends where module_name = ''$$,
  $$values (array[3, 3, 2, 0], array[0, 1, 0, 0], 3, 1, 300::bigint)$$, 'the sum'
);
select results_eq(
  $$select sampled_at, database_bytes > 1000000, dead_robots >= 0, sample_ms > 0 from capataz_ops.fleet_trends$$,
  $$values ('2026-03-10 12:02:00'::timestamp, true, true, true)$$, 'the database'
);
select is(capataz.sample_resources(), 0, 'the same minute is not sampled twice');
select is((select count(*)::integer from capataz_ops.fleet_trends), 1, 'whoever calls');

-- a queue that is too deep to be counted every minute
select capataz_test.advance('1 minute');
insert into capataz_ops.queue_counts (module_name, counted_at, next_count_at, cost_ms, pending, retrying, not_due)
values ('B', capataz.utc_now(), capataz.utc_now() + interval '90 seconds', 900, '{0,5000000,0,0}', '{0,0,0,0}', 3);
select capataz.sample_resources();
select results_eq(
  $$select pending, is_estimate, oldest_due_seconds from capataz_ops.module_trends where module_name = 'B' and sampled_at = '2026-03-10 12:03:00'$$,
  $$values ('{0,5000000,0,0}'::integer[], true, 150)$$, 'the last count stands in, and says so; the oldest is exact'
);
select ok((select is_estimate from capataz_ops.module_trends where module_name = '' and sampled_at = '2026-03-10 12:03:00'), 'the sum says so too');
select capataz_test.advance('2 minutes');
select capataz.sample_resources();
select results_eq(
  $$select pending, is_estimate from capataz_ops.module_trends where module_name = 'B' and sampled_at = '2026-03-10 12:05:00'$$,
  $$values ('{0,3,0,0}'::integer[], false)$$, 'then it is counted again'
);
select is_empty('select from capataz_ops.queue_counts', 'and is no longer deep');

delete from capataz.robots where module_name = 'B';
delete from capataz.module_registry where module_name = 'B';
select is_empty($$select from capataz_ops.module_trends where module_name = 'B'$$, 'samples go with their module');

select * from finish();
rollback;
