-- One row per stored report, with what ended in it.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-09 08:00:00');
select capataz_test.module('M') as m \gset
select capataz_test.complete_some('M', 3);
select capataz_test.set_clock('2026-03-10 08:00:00');
select capataz_test.fail_some('M', 1);
select capataz_test.set_clock('2026-03-16 00:40:00');
select capataz.build_weekly_report() as n \gset
select results_eq(
  $$select kind, period_start, period_end, completed_count, failed_count from capataz.list_reports(null, 100) where failed_count > 0$$,
  $$values ('daily', '2026-03-10'::date, '2026-03-11'::date, 0::bigint, 1::bigint), ('weekly', '2026-03-09', '2026-03-16', 3, 1)$$,
  'with its period and what ended'
);
select is((select count(*)::integer from capataz.list_reports('daily')), 7, 'of one kind');
select is((select array_agg(period_start) from capataz.list_reports('daily', 2)), '{2026-03-15,2026-03-14}'::date[], 'the latest ones');
select * from finish();
rollback;
