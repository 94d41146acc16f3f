-- Minutes are dropped after 48 hours, hours of the histograms become days then, and days are dropped after 8 days.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:30:00');

select capataz_test.module('O') as m \gset
insert into capataz_ops.module_minutes (module_name, minute, completed_count)
select 'O', '2026-03-10 12:30'::timestamp - i * interval '1 hour', 1 from generate_series(0, 60) as i;
insert into capataz_ops.module_histograms (module_name, measure, period, period_start, bucket, bucket_count)
select 'O', m, 'hour', '2026-03-10 12:00'::timestamp - i * interval '1 hour', 1 + i % 2, 1
from generate_series(0, 60) as i
cross join unnest(array['duration', 'efficiency']) as m
union all
select 'O', m, 'day', '2026-03-10'::timestamp - i * interval '1 day', 1, 100
from generate_series(2, 12) as i
cross join unnest(array['duration', 'efficiency']) as m;
select capataz.fold_counters();

select is((select min(minute) from capataz_ops.module_minutes where module_name = 'O'), '2026-03-08 13:30', 'minutes of 48 hours');
select is(
  (select min(period_start) from capataz_ops.module_histograms where module_name = 'O' and period = 'hour'), '2026-03-08 12:00',
  'hours of 48 hours'
);
select is(
  (select min(period_start) from capataz_ops.module_histograms where module_name = 'O' and period = 'day'), '2026-03-02 00:00',
  'days of 8 days'
);
select results_eq(
  $$select measure, bucket::integer, bucket_count from capataz_ops.module_histograms
    where module_name = 'O' and period = 'day' and period_start = '2026-03-08' order by 1, 2$$,
  $$values ('duration', 1, 106::bigint), ('duration', 2, 6), ('efficiency', 1, 106), ('efficiency', 2, 6)$$,
  'hours are added to their day'
);
select is(
  (select sum(bucket_count)::integer from capataz_ops.module_histograms where module_name = 'O' and measure = 'duration'), 61 + 700,
  'nothing is lost or counted twice'
);
select is(capataz.fold_counters(), 0, 'done: nothing to fold, nothing to drop');
select capataz_test.advance('5 minutes');
select is(capataz.fold_counters(), 0, 'not every minute');

select * from finish();
rollback;
