-- A report that was stored while the clock was ahead says nothing of days that are not over: it is built anew once they are.
begin;
select plan(12);
select capataz_test.set_clock('2026-03-09 08:00:00');
select capataz_test.module('M') as m \gset
select capataz_test.complete_some('M', 2, 500);
select capataz_test.set_clock('2026-03-10 00:20:00');
select capataz.build_daily_report() as n \gset
select capataz.report('daily', '2026-03-09') as kept \gset

select capataz_test.set_clock('2026-03-12 10:30:00');
select is(capataz.build_daily_report(), 2, 'two days ahead, two more days seem over');
select capataz_test.set_clock('2026-03-10 11:00:00');
select capataz_test.complete_some('M', 3, 5000);
select capataz.fold_counters();
select is(capataz.report('daily', '2026-03-10') -> 'is_final', 'false', 'the clock is right again: today is under way');
select is(capataz.report('daily', '2026-03-10') #>> '{summary,completed}', '3', 'with what ended so far');
select is(capataz.report('daily'), :'kept'::jsonb, 'the last one is that of the last day that is over');
select throws_ok($$select capataz.report('daily', '2026-03-11')$$, 'RB404', 'there is no daily report of 2026-03-11', 'tomorrow has none');
select results_eq($$select period_start from capataz.list_reports()$$, $$values ('2026-03-09'::date)$$, 'nor do lists show them');
select is((capataz.report('weekly', '2026-03-10') #>> '{summary,p50_ms}')::integer between 4750 and 5250, true, 'the week so far has its durations');

select capataz_test.set_clock('2026-03-11 00:20:00');
select is(capataz.build_daily_report(), 1, 'once the day is over its report is built anew');
select is(capataz.report('daily', '2026-03-10') #>> '{summary,completed}', '3', 'with all that ended');
select is(capataz.build_daily_report(), 0, 'once');
select is(capataz.report('daily', '2026-03-09'), :'kept'::jsonb, 'what was stored in time stays as it is');
-- two sessions' clocks may differ by seconds
select capataz_test.set_clock('2026-03-11 00:19:50');
select is(capataz.build_daily_report(), 0, 'a clock that is set back by seconds builds nothing twice');
select * from finish();
rollback;
