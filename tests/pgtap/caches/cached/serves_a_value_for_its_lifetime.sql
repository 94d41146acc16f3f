-- The stored value serves until it is as old as its cache allows; then it is computed anew. A clock set back makes it stale too.
begin;
select plan(14);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
create function pg_temp.count_of(p_cache text) returns bigint language sql as $$
  select refresh_count from capataz.cache_statistics() where cache_name = p_cache and capataz.cached(p_cache) is not null
$$;
-- refreshes before and after reads at these ages, in seconds
create function pg_temp.refreshes(p_cache text, variadic p_ages integer[]) returns bigint[] language plpgsql as $$
declare
  v_start constant timestamp := capataz.utc_now();
  v_age integer;
  v_counts bigint[] := '{}';
begin
  foreach v_age in array p_ages loop
    perform capataz_test.set_clock(v_start + v_age * interval '1 second');
    perform capataz.cached(p_cache);
    v_counts := v_counts || (select refresh_count from capataz.cache_statistics() where cache_name = p_cache);
  end loop;
  perform capataz_test.set_clock(v_start);
  return v_counts;
end
$$;
select is(pg_temp.refreshes('system_health', 0, 15, 29, 31, 45), '{1,1,1,2,2}', 'system_health: 30 seconds');
select is(pg_temp.refreshes('routing_table', 0, 30, 59, 61, 90), '{1,1,1,2,2}', 'routing_table: 1 minute');
select is(pg_temp.refreshes('active_modules', 0, 60, 299, 301, 500), '{1,1,1,2,2}', 'active_modules: 5 minutes');
select is(pg_temp.refreshes('performance_scoreboard', 0, 300, 599, 601, 999), '{1,1,1,2,2}', 'performance_scoreboard: 10 minutes');

select capataz_test.set_clock('2026-03-10 13:00:00');
select capataz.cached('active_modules')::text as first \gset
select capataz.register_module('A', '2.0', array['T']) is not null as changed \gset
select is(capataz.cached('active_modules')::text, :'first', 'a new version is not shown while the value lives');
select is((select module_version::text from capataz.active_modules), '2.0', 'the view shows it');
select ok((select not is_stale and age_seconds < 60 from capataz.cache_statistics() where cache_name = 'active_modules'), 'it is fresh');
select capataz_test.advance('6 minutes');
select ok(
  (select is_stale and age_seconds between 360 and 420 from capataz.cache_statistics() where cache_name = 'active_modules'),
  'after six minutes it is stale'
);
select is(capataz.cached('active_modules') -> 0 ->> 'module_version', '2.0', 'and computed anew');
select ok((select not is_stale and age_seconds < 60 from capataz.cache_statistics() where cache_name = 'active_modules'), 'fresh again');
select capataz_test.set_clock('2026-03-10 09:00:00');
select ok(
  (select is_stale and age_seconds < 0 from capataz.cache_statistics() where cache_name = 'active_modules'),
  'the clock was set back: the age means nothing'
);
select capataz.register_module('A', '3.0', array['T']) is not null as changed \gset
select is(capataz.cached('active_modules') -> 0 ->> 'module_version', '3.0', 'so it is computed anew');
select capataz_test.advance('4 minutes');
select ok((select not is_stale from capataz.cache_statistics() where cache_name = 'active_modules'), 'and lives from then');
select ok(
  (select bool_and(refresh_ms > 0) from capataz.cache_statistics()), 'what the last refresh took is known'
);

select * from finish();
rollback;
