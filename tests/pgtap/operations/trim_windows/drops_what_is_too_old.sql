-- Windows need no reset; what has left them is dropped, trends by whole partitions; tomorrow's partition is there in time.
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 23:59:00');

select capataz_test.module('A') as m \gset
select capataz_test.complete_some('A', 3);
select capataz.fold_counters();
select capataz.sample_resources();
select is(capataz.trim_windows(), 0, 'nothing to trim yet');
select is((capataz_test.module_row('A')).success_rate_24h, 100.00, 'the window is as it was');
select isnt(to_regclass('capataz_ops.module_trends_20260311'), null, 'tomorrow''s partition is there');
select is(to_regclass('capataz_ops.module_trends_20260312'), null, 'no more');
select isnt_empty('select from capataz_ops.type_minutes', 'minutes are there');
select capataz_test.advance('49 hours');
select is(capataz.trim_windows(), 1, 'two days later: one module');
select is_empty($$select from capataz_ops.type_minutes where module_name = 'A' union all select from capataz_ops.module_minutes where module_name = 'A'$$, 'minutes go after 48 hours');
select isnt_empty($$select from capataz_ops.type_hours where module_name = 'A'$$, 'hours stay');
select capataz_test.advance('30 days');
select capataz.trim_windows();
select is(to_regclass('capataz_ops.module_trends_20260310'), null, 'samples of a day go at once, after 30 days');
select isnt_empty(
  $$select from capataz_ops.fleet_trend_hours where hour = '2026-03-10 23:00'$$, 'once they are part of their hour, whoever else ran'
);

select * from finish();
rollback;
