-- Durations of what COMPLETED per hour, within 5 %, of one module and of all; an hour in which nothing ended has no row.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('A') as m \gset
select capataz_test.module('B') as m \gset

select capataz_test.complete_some('A', 90, 1000);
select capataz_test.complete_some('B', 10, 20000);
select capataz.fold_counters();
select results_eq(
  $$select hour, completed_count, abs(p50_ms - 1000) <= 50, abs(p95_ms - 20000) <= 1000, abs(p99_ms - 20000) <= 1000
    from capataz.latency()$$,
  $$values ('2026-03-10 12:00:00'::timestamp, 100::bigint, true, true, true)$$, 'all modules'
);
select results_eq(
  $$select completed_count, abs(p99_ms - 1000) <= 50 from capataz.latency('A')$$, 'values (90::bigint, true)', 'one module'
);
select capataz_test.advance('3 hours');
select capataz_test.complete_some('A', 1, 500);
select capataz.fold_counters();
select results_eq(
  'select to_char(hour, ''HH24'') from capataz.latency()', array['12', '15'], 'an hour in which nothing ended has no row'
);
select is((select count(*)::integer from capataz.latency(p_hours => 1)), 1, 'the last hour alone');
select throws_ok($$select * from capataz.latency('nobody')$$, 'RB404', null, 'unknown module');
select throws_ok('select * from capataz.latency(p_hours => 49)', 'RB400', 'hours is out of range', 'two days at most');

select * from finish();
rollback;
