-- A factor without samples is left out, and the other weights are enlarged: they add up to 1.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('F', '{"failure_threshold": 1000}') as m \gset
select capataz_test.fail_some('F', 25);
select capataz.fold_counters();
select results_eq(
  $$select factor, value, weight from capataz.explain_score('F')$$,
  $$values
    ('success_rate', 0.0000, 0.5714),
    ('speed_to_estimate', null, 0.0000),
    ('speed_to_week', null, 0.0000),
    ('health', 0.5000, 0.2857),
    ('retries', 1.0000, 0.1429)$$,
  'nothing COMPLETED: nothing is known of its speed'
);
select is(
  (select array_agg(distinct detail) from capataz.explain_score('F') where weight = 0),
  '{"no execution of 24 hours COMPLETED: left out"}', 'and it says so'
);
select is((select sum(weight) from capataz.explain_score('F')), 1.0000, 'the weights add up to 1');

select capataz_test.complete_some('F', 19, 100);
select capataz.fold_counters();
select is(
  (select detail from capataz.explain_score('F') where factor = 'speed_to_week'),
  '19 of 20 executions of a week needed: left out', '19 COMPLETED are no week to compare with'
);
select results_eq(
  $$select factor, weight from capataz.explain_score('F') where weight > 0$$,
  $$values ('success_rate', 0.4706), ('speed_to_estimate', 0.1765), ('health', 0.2353), ('retries', 0.1176)$$,
  'the other weights keep their proportions'
);
select capataz_test.complete_some('F', 1, 100);
select capataz.fold_counters();
select is((select weight from capataz.explain_score('F') where factor = 'speed_to_week'), 0.1500, '20 are');
select is((select sum(weight) from capataz.explain_score('F')), 1.0000, 'the weights add up to 1');

select * from finish();
rollback;
