-- With more than 250 modules the check queue comes from the cache of that name while it is younger than two minutes.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

create function pg_temp.queue() returns text language sql as $$
  select status || ': ' || detail from capataz.system_health() where check_name = 'queue'
$$;
select count(capataz_test.module('M' || n)) from generate_series(1, 250) as g (n);
select capataz.warm_caches();
select capataz_test.robot('M7') as r \gset
select matches(pg_temp.queue(), '^OK: oldest due robot waits since .* in M7$', 'with 250 modules it is live');
select capataz_test.module('M251') as m \gset
select is(pg_temp.queue(), 'OK: no robot is due', 'with 251 it is what the cache found');
select is((select count(*)::integer from capataz.system_health()), 8, 'one row per check all the same');
select is(
  (select e ->> 'detail' from json_array_elements(capataz_ops._cache_value('system_health')) as e where e ->> 'check_name' = 'queue'),
  (select h.detail from capataz_ops._system_health(true) as h where h.check_name = 'queue'), 'the cache itself is computed live'
);
select capataz_test.advance('3 minutes');
select matches(pg_temp.queue(), '^OK: oldest due robot waits since .* in M7$', 'after two minutes the cache is too old for that');
select capataz.warm_caches();
select capataz_test.advance('2 hours');
select matches(pg_temp.queue(), '^WARNING: oldest due robot waits since .* in M7$', 'nobody warms the caches: live');

select * from finish();
rollback;
