-- Growth by regression, peaks, Little's law, and the day on which the busiest hour takes all of the capacity.
begin;
select plan(16);
select capataz_test.set_clock('2026-04-11 09:00:00');
select capataz_test.module('Grows', '{"max_concurrency": 10, "target_wait_seconds": 1}');
select capataz_test.module('Steady');
select capataz_test.module('Young');
-- 60 days: 2400 robots a day and 24 more each day, evenly over the hours, 60 s each
insert into capataz_ops.type_days (module_name, robot_type, day, completed_count, completed_ms, failed_count, waited_count, waited_ms)
select 'Grows', 'T', date '2026-02-10' + d, 2400 + 24 * d, (2400 + 24 * d) * 60000, 0, 2400 + 24 * d, (2400 + 24 * d) * 500
from generate_series(0, 59) as d;
insert into capataz_ops.type_hours (module_name, robot_type, hour, completed_count, completed_ms, failed_count)
select 'Grows', 'T', timestamp '2026-02-10' + d * interval '1 day' + h * interval '1 hour', 100 + d, (100 + d) * 60000, 0
from generate_series(50, 59) as d
cross join generate_series(0, 23) as h;
insert into capataz_ops.type_days (module_name, robot_type, day, completed_count, completed_ms, failed_count)
select 'Steady', 'T', date '2026-03-01' + d, 100 + (d * 7919) % 10, 1000, 0
from generate_series(0, 40) as d;
insert into capataz_ops.type_days (module_name, robot_type, day, completed_count, completed_ms, failed_count)
select 'Young', 'T', date '2026-04-06' + d, 100, 1000, 0
from generate_series(0, 4) as d;
create temporary table plan on commit drop as select * from capataz.capacity_plan('2026-05-15');

select is((select month from plan where module_name = 'Grows'), '2026-05-01', 'the plan of another month');
select is((select days_observed from plan where module_name = 'Grows'), 60, 'every whole day is observed, today is not');
select is((select growth_per_day from plan where module_name = 'Grows'), 24.0000, 'the slope');
select is((select r2 from plan where module_name = 'Grows'), 1.0000, 'which explains all');
select is((select is_growing from plan where module_name = 'Grows'), true, 'it grows');
-- on 2026-05-31 x = 110
select is((select forecast_per_day from plan where module_name = 'Grows'), 5040.00, 'the last day of the month, as the line goes on');
select is(
  (select month_total from plan where module_name = 'Grows'), (select sum(2400 + 24 * x) from generate_series(80, 110) as x)::numeric,
  'all of the month'
);
select results_eq(
  $$select service_seconds, wait_seconds, peak_per_hour, busy_peak, peak_utilization from plan where module_name = 'Grows'$$,
  $$values (60.000, 0.500, 159.00, 2.650, 26.50)$$, 'Little''s law: busy = rate x time, at the peak'
);
-- 7 days of 2400 + 24 * 56 on average: the peak is 159 * 24 / 3744 = 1.0192 times the mean; 10 busy = 14400 / 1.0192 = 14128
-- a day; from 2400 + 24 * 60 on, 24 a day
select is(
  (select runs_out_on from plan where module_name = 'Grows'), date '2026-04-11' + ceil((14128.3 - 3840) / 24)::integer,
  'the day it runs out'
);
select cmp_ok((select workers_needed from plan where module_name = 'Grows'), '>', 4, 'more workers than the load: robots come at random');
select is((select is_growing from plan where module_name = 'Steady'), false, 'chance is no growth');
select results_eq(
  $$select capacity, runs_out_on from plan where module_name = 'Steady'$$, $$values (null::integer, null::date)$$, 'no limit never runs out'
);
select results_eq(
  $$select growth_per_day, forecast_per_day from plan where module_name = 'Young'$$, $$values (null::numeric, 100.00)$$,
  'five days give a level and no growth'
);
select is(capataz_ops._workers_needed(1, 10, 1), 13, 'Erlang C: ten busy need thirteen for a second of waiting');
select is(capataz_ops._workers_needed(1, 10, 1000), 11, 'and eleven where they may wait');
select throws_ok($$select * from capataz.capacity_plan('1999-01-01')$$, 'RB400', 'month is out of range', 'a month long ago');

select * from finish();
rollback;
