-- A change that makes a cache stale is in its next value, within the transaction as well; what is undone is in none.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
create function pg_temp.candidates() returns text language sql as $$
  select coalesce(string_agg(e ->> 'module_name', ' '), '-') from json_array_elements(capataz.cached('routing_table') -> 'T') as e
$$;
create function pg_temp.refreshed() returns bigint language sql as $$
  select refresh_count from capataz.cache_statistics() where cache_name = 'routing_table'
$$;
select is(pg_temp.candidates(), 'A', 'registered');
select pg_temp.refreshed() as before \gset
select is(pg_temp.candidates(), 'A', 'read again');
select is(pg_temp.refreshed(), :before::bigint, 'from the value it has stored itself');
savepoint a;
update capataz.module_registry set health_status = 'UNHEALTHY';
select is(pg_temp.candidates(), '-', 'UNHEALTHY');
rollback to savepoint a;
select is(pg_temp.candidates(), 'A', 'undone');
update capataz.module_registry set health_status = 'UNHEALTHY';
savepoint b;
select is(pg_temp.candidates(), '-', 'refreshed within a savepoint');
rollback to savepoint b;
select is(pg_temp.candidates(), '-', 'the refresh is undone, the change is not');
update capataz.module_registry set health_status = 'HEALTHY';
select is(pg_temp.candidates(), 'A', 'a second change after the refresh');

select * from finish();
rollback;
