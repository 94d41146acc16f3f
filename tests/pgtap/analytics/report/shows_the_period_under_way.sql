-- The day, week or month under way can be asked for: built from what is known so far, stored nowhere, not final.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-11 08:00:00');
select capataz_test.module('M') as m \gset
select capataz_test.complete_some('M', 3, 500);

select is(capataz.report('daily', '2026-03-11') #>> '{summary,completed}', '3', 'today so far');
select is(capataz.report('daily', '2026-03-11') -> 'is_final', 'false', 'it says that it is not final');
select is(
  capataz.report('weekly', '2026-03-15') -> 'period', '{"from": "2026-03-09T00:00:00", "to": "2026-03-16T00:00:00"}',
  'a week begins on Monday'
);
select is(
  capataz.report('monthly', '2026-03-31') -> 'period', '{"from": "2026-03-01T00:00:00", "to": "2026-04-01T00:00:00"}',
  'a month on its first day'
);
select is_empty('select from capataz.list_reports()', 'nothing is stored');
select throws_ok($$select capataz.report('daily')$$, 'RB404', 'there is no daily report', 'there is no last one');
select throws_ok(
  $$select capataz.report('daily', '2026-03-10')$$, 'RB404', 'there is no daily report of 2026-03-10', 'nor one of yesterday'
);
select * from finish();
rollback;
