-- Cache hit rate since the sample before, size, dead rows: means and maxima over a step.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

insert into capataz_ops.fleet_trends (sampled_at, blocks_hit, blocks_read, cache_hit_percent, database_bytes, dead_robots, oldest_snapshot_seconds, sample_ms)
values
  ('2026-03-10 11:50', 100, 100, null, 1000, 5, null, 2),
  ('2026-03-10 11:51', 190, 110, 90.00, 2000, 9, 30, 4),
  ('2026-03-10 11:52', 190, 110, null, 3000, 7, 40, 6);
select results_eq(
  $$select step_at, sample_count, cache_hit_percent, database_bytes, dead_robots, oldest_snapshot_seconds, replication_lag_bytes, sample_ms
    from capataz.fleet_trend('2026-03-10 11:50', '2026-03-10 12:00', 300)$$,
  $$values
    ('2026-03-10 11:50'::timestamp, 3::bigint, 90.00, 2000::bigint, 9::bigint, 40::bigint, null::bigint, 4::double precision),
    ('2026-03-10 11:55', 0, null, null, null, null, null, null)$$, 'means of cache, size and cost, maxima of the rest; a gap'
);
update capataz_ops.fleet_trends set blocks_hit = 9223372036854775807 where sampled_at = '2026-03-10 11:52';
select capataz.sample_resources();
select is(
  (select cache_hit_percent from capataz_ops.fleet_trends where sampled_at = '2026-03-10 12:00'), null, 'counters that fell were reset: not known'
);
update capataz_ops.fleet_trends set blocks_hit = 0, blocks_read = 0 where sampled_at = '2026-03-10 12:00';
select capataz_test.advance('1 minute');
select capataz.sample_resources();
select ok(
  (select cache_hit_percent between 0 and 100 from capataz_ops.fleet_trends where sampled_at = '2026-03-10 12:01'), 'else a percentage'
);
select throws_ok($$select * from capataz.fleet_trend('infinity')$$, 'RB400', null, 'no time without end');
select is((select count(*)::integer from capataz.fleet_trend('2026-03-01', '2026-03-10', 86400)), 9, 'days');

select * from finish();
rollback;
