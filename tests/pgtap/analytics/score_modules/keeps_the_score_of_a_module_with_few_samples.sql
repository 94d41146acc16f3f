-- Fewer than 20 executions ended within 24 hours: score and tier stay, and explain_score says so.
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Few') as m \gset
select results_eq(
  $$select factor, value, weight, contribution, detail from capataz.explain_score('Few') where contribution > 0$$,
  $$values ('kept_score', 1.0000, 1.0000, 1.0000, '0 of 20 executions needed: the score stays')$$,
  'a new module has the score that the specification gives it'
);
select capataz_test.fail_some('Few', 3);
select capataz.fold_counters();
select is(capataz.score_modules(), 0, 'nothing has changed');
select is((capataz_test.module_row('Few')).performance_score, 1.00, 'the score stays');
select is((capataz_test.module_row('Few')).performance_tier::text, 'MEDIUM', 'so does the tier');
select is((capataz_test.module_row('Few')).last_performance_check, '2026-03-10 12:00:00', 'but it was looked at');
select is(
  (select (t.last_scored_at, t.score_samples) from capataz_ops.module_state as t where t.module_name = 'Few'),
  (null::timestamp, 3::bigint), 'three executions are not enough'
);
select is(
  (select detail from capataz.explain_score('Few') where factor = 'kept_score'),
  '3 of 20 executions needed: the score stays', 'and it says so'
);
select is(
  (select array_agg(factor order by factor) from capataz.explain_score('Few') where weight = 0),
  '{health,retries,speed_to_estimate,speed_to_week,success_rate}', 'the factors are shown, without weight'
);
select is(
  (select value from capataz.explain_score('Few') where factor = 'success_rate'), 0.0000, 'with their values'
);

select capataz_test.complete_some('Few', 16);
select capataz.fold_counters();
select is(capataz.score_modules(), 0, '19: not yet');
select capataz_test.complete_some('Few', 1);
select capataz.fold_counters();
select is(capataz.score_modules(), 1, '20: now');
select capataz_test.advance('24 hours');
select capataz.fold_counters();
select capataz.score_modules();
select isnt((capataz_test.module_row('Few')).performance_score, 1.00, 'a day later there are none, and the last score stays');
select is(
  (select (t.last_scored_at, t.score_samples) from capataz_ops.module_state as t where t.module_name = 'Few'),
  (timestamp '2026-03-10 12:00:00', 0::bigint), 'with its time'
);

select * from finish();
rollback;
