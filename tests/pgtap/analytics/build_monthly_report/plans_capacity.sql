-- The report of a month: growth with its confidence, the peak, and when the limit is reached (specification 5.2).
begin;
select plan(14);
select capataz_test.set_clock('2026-04-01 00:00:00');
select capataz_test.module('M', '{"max_concurrency": 40}') as m \gset
-- on day n: 100 + 10 n executions of 36 s, 10 + n at work on average
insert into capataz_ops.type_hours (module_name, robot_type, hour, completed_count, completed_ms, failed_count)
select 'M', 'T', timestamp '2026-04-01 12:00' + n * interval '1 day', 100 + 10 * n, (100 + 10 * n) * 36000, 0
from generate_series(0, 29) as g (n);
select capataz_ops._make_partition('module_trend_hours', '2026-04-01', '2026-05-01');
insert into capataz_ops.module_trend_hours (
  module_name, hour, sample_count, pending, retrying, not_due, waiting_max, in_flight, in_flight_max, capacity,
  cpu_percent, memory_mb, disk_io_mb, network_io_mb, is_estimate
)
select '', timestamp '2026-04-01' + n * interval '1 hour', 60, '{0,0,0,0}', '{0,0,0,0}', 0, 3, 10 + n / 24, 20, 40, 0, 0, 0, 0, false
from generate_series(0, 719) as g (n);
insert into capataz_ops.fleet_trend_hours (hour, sample_count, database_bytes)
select timestamp '2026-04-01' + n * interval '1 hour', 60, 1000000000 + (n / 24) * 1000000 from generate_series(0, 719) as g (n);

-- under way: the days to come are no days without work
select capataz_test.set_clock('2026-04-16 13:00:00');
select is(capataz.report('monthly', '2026-04-16') #>> '{capacity,growth,slope}', '10.00', 'of a month under way the days that are over count');
select is(capataz.report('monthly', '2026-04-16') #>> '{capacity,days}', '15', 'fifteen of them');

select capataz_test.set_clock('2026-05-01 01:00:00');
select is(capataz.build_monthly_report(), 1, 'the month is built');
select capataz.report('monthly') as r \gset
select is(jsonb_array_length(:'r'::jsonb -> 'steps'), 30, 'it has 30 days');
select is((:'r'::jsonb #>> '{capacity,days}')::integer, 30, 'all of them count');
select is((:'r'::jsonb #>> '{capacity,growth,slope}')::numeric, 10.00, 'ten more each day');
select is((:'r'::jsonb #>> '{capacity,growth,r2}')::numeric, 1.000, 'without scatter');
select is((:'r'::jsonb #>> '{capacity,growth,slope_low}')::numeric, 10.00, 'so the interval is narrow');
select is(
  (:'r'::jsonb #>> '{capacity,growth,next_month}')::integer, (select sum(100 + 10 * n)::integer from generate_series(30, 60) as g (n)),
  'the next month, of 31 days, goes on like this'
);
select is(
  :'r'::jsonb #> '{capacity,peak}', '{"hour": "2026-04-30T12:00:00", "ended": 390, "at_work": 3.90}',
  'Little''s law: 390 executions of 36 s within an hour are 3.9 at once'
);
select is(:'r'::jsonb #>> '{capacity,in_flight,runs_out_on}', '2026-05-01', 'the limit of 40 is reached the day after the 39th');
select is((:'r'::jsonb #>> '{capacity,database,bytes_per_day}')::integer, 1000000, 'the database grows by a megabyte a day');
select is(
  (select f ->> 'text' from jsonb_array_elements(:'r'::jsonb -> 'findings') as f where f ->> 'code' = 'CAPACITY'),
  'At the present growth the limit of executions at once is reached on 2026-05-01.', 'which is a finding'
);
select is(
  (select count(*)::integer from capataz.list_reports('daily')), 30, 'the days it is made of are there too'
);
select * from finish();
rollback;
