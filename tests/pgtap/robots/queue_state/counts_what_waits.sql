-- What waits per module and priority, CRITICAL first; of deep queues the last sample tells; the view queue shows the same.
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select capataz_test.module('B') as m \gset
select capataz_test.robots('A', 3, '{"priority": "LOW"}');
select capataz_test.robots('A', 2, '{"priority": "CRITICAL", "available_at": "2026-03-10T13:00:00"}');
select capataz_test.robots('B', 1);
select capataz_test.advance('90 seconds');
select results_eq(
  $$select module_name::text, priority::text, waiting, not_due, oldest_due_at, is_estimate from capataz.queue_state('A')$$,
  $$values ('A', 'CRITICAL', 2::bigint, 2::bigint, null::timestamp, false), ('A', 'LOW', 3, 0, '2026-03-10 12:00:00', false)$$, 'one module'
);
select results_eq(
  'select module_name::text, priority::text, waiting, oldest_waits, is_estimate from capataz.queue',
  $$values ('A', 'CRITICAL', 2::bigint, null::interval, false), ('A', 'LOW', 3, '00:01:30', false), ('B', 'NORMAL', 1, '00:01:30', false)$$, 'the view: all'
);
select capataz_test.robots('B', 2100, '{"priority": "HIGH"}');
select results_eq(
  $$select waiting, is_estimate from capataz.queue_state('B') where priority = 'HIGH'$$, 'values (500::bigint, true)', 'counting ends at 500'
);
select capataz.sample_resources();
select results_eq(
  $$select waiting, is_estimate from capataz.queue_state('B') where priority = 'HIGH'$$, 'values (2100::bigint, true)', 'the sample knows'
);
select is((select not_due from capataz.queue_state('B') where priority = 'HIGH'), 0::bigint, 'all are due');
select capataz_test.advance('1 minute');
select capataz_test.robots('B', 600, jsonb_build_object('priority', 'LOW', 'available_at', capataz.utc_now() + interval '1 day'));
select capataz.sample_resources();
select results_eq(
  $$select waiting, not_due, oldest_due_at from capataz.queue_state('B') where priority = 'LOW'$$,
  'values (600::bigint, 600::bigint, null::timestamp)', 'where none is due, all that wait are not'
);
select throws_ok($$select * from capataz.queue_state('nobody')$$, 'RB404', null, 'unknown module');
set local role capataz_viewer;
select is((select count(*)::integer from capataz.queue), 5, 'a viewer reads the view');
reset role;
create role capataz_test_tied;
grant capataz_worker to capataz_test_tied;
select capataz.grant_module('A', 'capataz_test_tied');
set local role capataz_test_tied;
select set_eq('select module_name::text from capataz.queue_state()', array['A'], 'who reaches some modules sees these');
select throws_ok($$select * from capataz.queue_state('B')$$, 'RB403', null, 'and no other');
reset role;

select * from finish();
rollback;
