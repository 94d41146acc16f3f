-- A read answered with the stored value is a hit, one that computed is a miss; the session's own row is written seldom.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
create function pg_temp.counts(p_cache text) returns text language sql as $$
  select format('%s hits, %s misses, %s %%', hits, misses, hit_rate) from capataz.cache_statistics() where cache_name = p_cache
$$;
select is(pg_temp.counts('active_modules'), '0 hits, 0 misses,  %', 'nothing read: no rate');
select count(capataz.cached('active_modules')) from generate_series(1, 4);
select is(pg_temp.counts('active_modules'), '3 hits, 1 misses, 75.00 %', 'one miss, three hits');
select is(
  (select format('%s %s', hits, misses) from capataz_ops.cache_counters where cache_name = 'active_modules'), '0 1',
  'the miss wrote the session''s row, the hits did not'
);
select count(capataz.cached('active_modules')) from generate_series(1, 200);
select is(pg_temp.counts('active_modules'), '203 hits, 1 misses, 99.51 %', 'all are counted');
select set_config('capataz.counted_active_modules', '1', false) is not null as old \gset
select count(capataz.cached('active_modules')) from generate_series(1, 100);
select ok(
  (select hits between 203 and 303 from capataz_ops.cache_counters where cache_name = 'active_modules'),
  'after a minute they are moved into the row'
);
select is(pg_temp.counts('active_modules'), '303 hits, 1 misses, 99.67 %', 'and counted once');
select count(capataz.route_robot('T')) from generate_series(1, 5);
select is(pg_temp.counts('routing_table'), '4 hits, 1 misses, 80.00 %', 'the router reads the routing table');
select count(*) from capataz.submit_robots('[{"robot_type": "T"}, {"robot_type": "T"}]');
select is(pg_temp.counts('routing_table'), '5 hits, 1 misses, 83.33 %', 'a bulk once per type');
select set_config('capataz.hits_active_modules', 'nonsense', false), set_config('capataz.misses_active_modules', '-1', false),
  set_config('capataz.counted_active_modules', '99999999999999999999', false);
select lives_ok($$select count(capataz.cached('active_modules')) from generate_series(1, 70)$$, 'settings that make no sense are harmless');
select ok((select hits between 70 and 373 from capataz.cache_statistics() where cache_name = 'active_modules'), 'and count as nothing');
select is((select count(*)::integer from capataz_ops.cache_counters), 2, 'one row per cache and session');

select * from finish();
rollback;
