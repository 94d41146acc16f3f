-- A row per step, from minutes or from hours; gaps have no samples; one module, all, or those one may reach.
begin;
select plan(17);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select capataz_test.module('B') as m \gset
create function pg_temp.sample(p_count integer) returns void language plpgsql as $$
begin
  for i in 1..p_count loop perform capataz.sample_resources(); perform capataz_test.advance('1 minute'); end loop;
end $$;
select capataz_test.robots('A', 4);
select capataz_test.robots('B', 2, '{"priority": "HIGH"}');
select pg_temp.sample(10);
select count(*) from capataz.claim_robots('A', 4);
select capataz_test.advance('5 minutes');
select pg_temp.sample(15);

create function pg_temp.shown(p_module text, p_step integer) returns text[] language sql as $$
  select array_agg(concat_ws('/', to_char(step_at, 'HH24:MI'), sample_count, coalesce(pending, -1), coalesce(in_flight, -1), waiting_max))
  from capataz.resource_trend(p_module, '2026-03-10 12:00', '2026-03-10 12:30', p_step)
$$;
select is(pg_temp.shown('A', 300), '{12:00/5/4.00/0.00/4,12:05/5/4.00/0.00/4,12:10/0/-1/-1,12:15/5/0.00/4.00/0,12:20/5/0.00/4.00/0,12:25/5/0.00/4.00/0}', 'steps of five minutes; one is a gap');
select is(pg_temp.shown(null, 600), '{12:00/10/6.00/0.00/6,12:10/5/2.00/4.00/2,12:20/10/2.00/4.00/2}', 'all modules');
select is(pg_temp.shown('A', 3600), '{12:00/25/1.60/2.40/4}', 'an hour');
select results_eq(
  $$select waiting_low, waiting_normal, waiting_high, waiting_critical, retrying, not_due, oldest_due_seconds, capacity, is_estimate
    from capataz.resource_trend(null, '2026-03-10 12:00', '2026-03-10 12:10', 600)$$,
  $$values (0.00, 4.00, 2.00, 0.00, 0.00, 0.00, 540::bigint, null::bigint, false)$$, 'by priority, the oldest, and the rest'
);
create temporary table before on commit drop as select * from capataz.resource_trend('A', '2026-03-10 12:00', '2026-03-10 13:00', 3600);
select capataz_test.set_clock('2026-03-10 13:05:00');
select capataz.roll_up_trends();
select results_eq(
  $$select * from capataz.resource_trend('A', '2026-03-10 12:00', '2026-03-10 13:00', 3600)$$, 'select * from before', 'rolled up: the same'
);
select is((select sum(sample_count) from capataz.resource_trend()), 25::numeric, 'by default the last day');
select cmp_ok((select count(*)::integer from capataz.resource_trend()), '<=', 241, 'in some 240 steps');
select capataz_test.set_clock('2026-05-10 12:00:00');
select capataz.trim_windows();
select is_empty('select from capataz_ops.module_trends', 'minutes are gone after 30 days');
select is(pg_temp.shown('A', 60), '{12:00/25/1.60/2.40/4}', 'hours remain');

select throws_ok($$select * from capataz.resource_trend('nobody')$$, 'RB404', null, 'unknown module');
select throws_ok($$select * from capataz.resource_trend(null, '2026-03-10', '2026-03-09')$$, 'RB400', 'from must lie before to, by 400 days at most', 'from after to');
select throws_ok($$select * from capataz.resource_trend(null, '2026-05-01', '2026-05-09', 60)$$, 'RB400', 'these are more than 2000 steps', 'too many steps');
select throws_ok('select * from capataz.resource_trend(p_step_seconds => 1)', 'RB400', 'step_seconds is out of range', 'steps that are too short');
create role capataz_test_tied;
grant capataz_worker to capataz_test_tied;
select capataz.grant_module('B', 'capataz_test_tied');
set local role capataz_test_tied;
select is(
  (select pending from capataz.resource_trend(null, '2026-03-10 12:00', '2026-03-10 13:00', 3600)), 2.00, 'who reaches some modules sees the sum of these'
);
select throws_ok($$select * from capataz.resource_trend('A')$$, 'RB403', null, 'and no other');
select throws_ok('select * from capataz.fleet_trend()', 'RB403', null, 'nor the database');
reset role;
select is(
  (select sample_count from capataz.fleet_trend('2026-03-10 12:00', '2026-03-10 13:00', 3600)), 25::bigint, 'figures of the database have the same steps'
);

select * from finish();
rollback;
