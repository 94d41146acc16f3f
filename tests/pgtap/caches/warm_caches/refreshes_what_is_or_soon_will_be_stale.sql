-- The job refreshes what is stale or will be within a minute, adds up counts of ended sessions, and may run twice at once.
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select is(capataz.warm_caches(), 4, 'all four were empty');
select is_empty('select cache_name from capataz.cache_statistics() where is_stale', 'none is stale');
select is(capataz.warm_caches(), 2, 'the two that live a minute or less are refreshed at every run');
select capataz_test.advance('4 minutes 30 seconds');
select is(capataz.warm_caches(), 3, 'active_modules has 30 seconds left');
update capataz.module_registry set performance_score = 0.50;
select is(capataz.warm_caches(), 3, 'the score has changed');
select is(
  capataz.cached('performance_scoreboard') -> 0 ->> 'performance_score', '0.50', 'which the value shows'
);
select is((select sum(misses)::integer from capataz.cache_statistics()), 0, 'warming counts as no read');
insert into capataz_ops.cache_counters
values ('routing_table', 0, 5, 1), ('routing_table', 2147483646, 10, 2), ('routing_table', 2147483647, 20, 3),
  ('system_health', 2147483647, 7, 7);
select capataz.warm_caches();
select results_eq(
  'select cache_name, backend_pid, hits, misses from capataz_ops.cache_counters where backend_pid <> pg_backend_pid() order by 1',
  $$values ('routing_table', 0, 35::bigint, 6::bigint), ('system_health', 0, 7, 7)$$, 'counts of sessions that have ended are added up'
);
select results_eq(
  $$select hits, misses, hit_rate from capataz.cache_statistics() where cache_name = 'routing_table'$$,
  $$values (35::bigint, 6::bigint, 85.37)$$, 'and stay'
);
set local role capataz_operator;
select is(capataz.run_job('warm_caches'), 'ok', 'an operator may run the job');

select * from finish();
rollback;
