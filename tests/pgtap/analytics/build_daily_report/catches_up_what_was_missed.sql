-- After a gap the reports of all days that are over are built, and none of days before there was a module.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 08:00:00');
select capataz.build_daily_report() as n \gset
select is(:n, 0, 'without a module there is nothing to tell');
select capataz_test.module('M') as m \gset
select capataz_test.complete_some('M', 2);
select capataz_test.set_clock('2026-03-12 08:00:00');
select capataz_test.complete_some('M', 7);
select capataz_test.set_clock('2026-03-15 00:20:00');
select is(capataz.build_daily_report(), 5, 'five days are over');
select results_eq(
  $$select period_start, completed_count from capataz.list_reports('daily')$$,
  $$values ('2026-03-14'::date, 0::bigint), ('2026-03-13', 0), ('2026-03-12', 7), ('2026-03-11', 0), ('2026-03-10', 2)$$,
  'each has its own figures'
);
select is(
  capataz.report('daily', '2026-03-12') #>> '{modules,0,completed_before}', '0', 'each is compared with the day before it'
);
select capataz_test.set_clock('2026-06-15 00:20:00');
select is(capataz.build_daily_report(), 31, 'after a long gap the last 31 days');
select is(capataz.build_daily_report(), 0, 'once');
update capataz_ops.jobs set last_start_at = capataz.utc_now(), last_outcome = 'failed' where job_name = 'fold_counters';
delete from capataz_ops.reports;
select capataz.build_daily_report();
select is_empty(
  $$select from capataz_ops.reports as r where jsonb_array_length(r.document -> 'jobs') > 0$$, 'a job that fails today says nothing of the days before'
);
select * from finish();
rollback;
