-- The report of a month says of each module when it runs out; what nobody sampled at its end hides no limit.
begin;
select plan(9);
select capataz_test.set_clock('2026-04-01 00:00:00');
select capataz_test.module('A', '{"max_concurrency": 5}') as m \gset
select capataz_test.module('C') as m \gset
-- on day n: 100 + 10 n executions of 36 s within one hour, now and then a few more or less
insert into capataz_ops.type_hours (module_name, robot_type, hour, completed_count, completed_ms, failed_count)
select m, 'T', timestamp '2026-04-01 12:00' + n * interval '1 day', c, c * 36000, 0
from generate_series(0, 29) as g (n)
cross join lateral (select 100 + 10 * n + case n % 3 when 0 then 9 when 1 then -9 else 0 end as c) as s
cross join (values ('A'), ('C')) as u (m);
insert into capataz_ops.type_days (module_name, robot_type, day, completed_count, completed_ms, failed_count)
select h.module_name, h.robot_type, h.hour::date, h.completed_count, h.completed_ms, 0
from capataz_ops.type_hours as h;
select capataz_ops._make_partition('module_trend_hours', '2026-04-01', '2026-05-01');
insert into capataz_ops.module_trend_hours (
  module_name, hour, sample_count, pending, retrying, not_due, waiting_max, in_flight, in_flight_max, capacity,
  cpu_percent, memory_mb, disk_io_mb, network_io_mb, is_estimate
)
select '', timestamp '2026-04-01' + n * interval '1 hour', 60, '{0,0,0,0}', '{0,0,0,0}', 0, 3, 2, 4, 10, 0, 0, 0, 0, false
from generate_series(0, 14 * 24 - 1) as g (n);

insert into capataz_ops.fleet_trend_hours (hour, sample_count, database_bytes)
select timestamp '2026-04-01' + n * interval '1 hour', 60, 1000000000 from generate_series(0, 14 * 24 - 1) as g (n);

select capataz_test.set_clock('2026-04-11 13:00:00');
select capataz.report('monthly', '2026-04-11') as r \gset
select is((:'r'::jsonb #>> '{capacity,growth,slope}')::numeric between 19 and 22, true, 'ten days tell a growth');
select is(:'r'::jsonb #> '{capacity,growth,slope_low}', 'null', 'though not how sure it is');

select capataz_test.set_clock('2026-05-01 01:00:00');
select capataz.build_monthly_report() as n \gset
select capataz.report('monthly') as r \gset
select is(:'r'::jsonb #>> '{capacity,in_flight,capacity}', '10', 'the limit is the last that samples saw');
select is(:'r'::jsonb #>> '{capacity,in_flight,percent_max}', '40.00', 'and what is used of it is told');
-- t of 28 degrees of freedom is 2.048
select is(
  (select round((g.slope_high - g.slope) / e.error, 2)
   from jsonb_to_record(:'r'::jsonb #> '{capacity,growth}') as g (slope numeric, slope_high numeric)
   cross join (
     select sqrt((regr_syy(s.y, s.x) - regr_slope(s.y, s.x) * regr_sxy(s.y, s.x)) / (28 * regr_sxx(s.y, s.x)))::numeric as error
     from (
       select (t.step ->> 'completed')::double precision as y, t.place::double precision as x
       from jsonb_array_elements(:'r'::jsonb -> 'steps') with ordinality as t (step, place)
     ) as s
   ) as e) between 2.00 and 2.10, true, 'the interval is Student''s'
);
select is(
  (select array_agg(m ->> 'module_name' order by m ->> 'module_name') from jsonb_array_elements(:'r'::jsonb #> '{capacity,modules}') as m),
  array['A', 'C'], 'both modules have a plan'
);
select is(
  (select array_agg(f ->> 'subject') from jsonb_array_elements(:'r'::jsonb -> 'findings') as f where f ->> 'code' = 'CAPACITY'),
  array['A'], 'the one with a limit reaches it, which is a finding'
);
select matches(
  (select f ->> 'text' from jsonb_array_elements(:'r'::jsonb -> 'findings') as f where f ->> 'code' = 'CAPACITY'),
  '^A: at the present growth its busiest hour takes all of the 5 executions at once that it may have on 2026-05-\d\d\.$',
  'in a sentence'
);
select is(
  (select (m ->> 'workers_needed')::integer > 3 from jsonb_array_elements(:'r'::jsonb #> '{capacity,modules}') as m where m ->> 'module_name' = 'A'),
  true, 'and how many workers it takes'
);
select * from finish();
rollback;
