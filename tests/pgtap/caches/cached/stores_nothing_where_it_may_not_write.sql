-- In a transaction that is read only a fresh value serves, a stale one is computed and not stored.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select capataz.cached('active_modules')::text as first \gset
select capataz.route_robot('T') as m \gset
update capataz.module_registry set module_id = 'A_2.0_test', module_version = '2.0';
set local transaction_read_only = on;
select is(capataz.cached('active_modules')::text, :'first', 'fresh: the stored value');
select set_config('capataz_test.now', '2026-03-10 12:10:00', true);
select is(capataz.cached('active_modules') -> 0 ->> 'module_version', '2.0', 'stale: computed');
select is((select refresh_count::integer from capataz_ops.caches where cache_name = 'active_modules'), 1, 'not stored');
select is(capataz.route_robot('T'), 'A', 'the router works as well');
select is(
  (select array_agg(hits || ' ' || misses) from capataz.cache_statistics() where cache_name = 'active_modules'), '{"1 2"}',
  'reads are counted in the session'
);
select lives_ok($$select capataz.cached('system_health')$$, 'so does one that has no value at all');
select is(capataz.warm_caches(), 0, 'nothing is warmed');

select * from finish();
rollback;
