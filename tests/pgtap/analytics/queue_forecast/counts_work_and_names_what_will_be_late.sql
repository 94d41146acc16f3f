-- The backlog is counted in work: each robot takes what its type takes, or its estimate.
begin;
select plan(20);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('M', '{"sla_seconds": 300}', array['T', 'LONG']) as m \gset
select is_empty('select * from capataz.queue_forecast()', 'nothing waits');
select results_eq(
  $$select waiting, in_flight, empty_at, late_count from capataz.queue_forecast('M')$$,
  $$values (0::bigint, 0::bigint, timestamp '2026-03-10 12:00:00', 0::bigint)$$, 'an empty backlog is empty now'
);
select capataz_test.robots('M', 1);
select is((select empty_at from capataz.queue_forecast('M')), null::timestamp, 'nothing has ended: nothing is known');
select is((select basis from capataz.queue_forecast('M')), 'nothing has ended in 24 hours', 'and so it says');
select capataz.cancel_robot((select robot_id from capataz.robots));

-- one after the other: 40 of 10 s, 10 of 60 s
select capataz_test.complete_some('M', 40, 10000);
create function pg_temp.long(p_count integer) returns void language plpgsql as $$
begin
  for i in 1..p_count loop
    perform capataz.submit_robot('LONG', p_module_name => 'M');
    perform capataz.claim_robots('M');
    perform capataz_test.advance('60 seconds');
    perform capataz.complete_execution((select e.execute_id from capataz.robot_execute as e where e.completed_at is null));
  end loop;
end
$$;
select pg_temp.long(10);
select capataz.fold_counters();
select capataz_test.robots('M', 6);
select capataz_test.robots('M', 3, '{"robot_type": "LONG"}');
-- 6 x 10 s + 3 x 60 s
select cmp_ok(
  (select abs(extract(epoch from empty_at - capataz.utc_now()) - 240) from capataz.queue_forecast('M')), '<', 15::numeric,
  'work, not robots, is counted'
);
select is((select round(busy) from capataz.queue_forecast('M')), 1::numeric, 'one at a time');
select is((select waiting from capataz.queue_forecast('M')), 9::bigint, 'what waits');
select is((select late_count from capataz.queue_forecast('M')), 0::bigint, 'all within five minutes');

-- twelve more: the last ones will be late
select capataz_test.robots('M', 12);
select cmp_ok((select late_count from capataz.queue_forecast('M')), '>=', 5::bigint, 'the last ones will be late');
select is(
  (select cardinality(late_robot_ids)::bigint from capataz.queue_forecast('M')), (select late_count from capataz.queue_forecast('M')),
  'and are named'
);

-- a promise of its own goes first; robots for later are told apart and do not keep the backlog from being empty
select s.robot_id as r from capataz.submit_robot('T', '{}', 'M', 'CRITICAL', p_metadata => '{"due_at": "2026-03-10T01:00:00-05:00"}') as s \gset
select is((select late_robot_ids[1] from capataz.queue_forecast('M')), :'r', 'due_at counts, with its zone');
select capataz_test.robots('M', 2, '{"available_at": "2026-03-10T20:00:00"}');
select is((select not_due from capataz.queue_forecast('M')), 2::bigint, 'what falls due later');
select cmp_ok((select empty_at from capataz.queue_forecast('M')), '<', timestamp '2026-03-10 14:00:00', 'is no part of the backlog');
select throws_ok($$select * from capataz.queue_forecast('nobody')$$, 'RB404', null, 'unknown module');

-- a stored forecast whose time has passed says now
select capataz.store_forecasts();
select capataz_test.advance('9 minutes');
select cmp_ok((select empty_at from capataz.queue_forecast()), '>=', capataz.utc_now(), 'empty at a time to come');

-- estimates that no clock can hold
select capataz_test.module('M', '{"sla_seconds": 300}', array['T', 'LONG', 'NEVER']) as m \gset
select capataz_test.robots('M', 80, '{"robot_type": "NEVER", "estimated_duration_minutes": 2147483647, "priority": "LOW"}');
select cmp_ok((select late_count from capataz.queue_forecast('M')), '>=', 80::bigint, 'robots that take thousands of years are late');
select is((select empty_at from capataz.queue_forecast('M')), null::timestamp, 'and the backlog is never empty');
select capataz.store_forecasts(), capataz_test.advance('1 minute'), capataz.store_forecasts();

-- a module that has stopped, and one that never began, are late all the same
select capataz.deactivate_module('M');
select results_eq(
  $$select empty_at, basis from capataz.queue_forecast('M')$$, $$values (null::timestamp, 'the module is not active')$$,
  'what waits at a module that is not active waits on'
);
select capataz_test.module('N', '{"sla_seconds": 300}') as m \gset
select capataz_test.robots('N', 10);
select is((select late_count from capataz.queue_forecast('N')), 0::bigint, 'nothing is known of N, and nothing is late yet');
select capataz_test.advance('1 hour');
select is((select late_count from capataz.queue_forecast('N')), 10::bigint, 'ten are');

select * from finish();
rollback;
