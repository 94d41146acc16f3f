-- 10,000 robots over 5 modules of different capacity land within 5 % of the ideal split, one by one and in bulk; and any few in
-- a row are spread as well.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('M' || n, jsonb_build_object('max_concurrency', units), array['SPREAD'])
from unnest(array[2, 4, 8, 16, 32]) with ordinality as u (units, n);
update capataz.module_registry set performance_score = 0.60 where module_name = 'M5';
update capataz.module_registry set capacity_utilization = 0.50 where module_name = 'M3';
select capataz_test.module('X' || n, '{}', array['EVEN']) from generate_series(1, 8) as g (n);

-- what strays furthest from its share of p_names, in percent of that share
create function pg_temp.worst(p_names text[], p_type text) returns numeric language sql as $$
  select round(max(100 * abs(coalesce(f.found, 0) - r.share * cardinality(p_names)) / (r.share * cardinality(p_names)))::numeric, 2)
  from capataz.routing_table as r
  left join (
    select u.name, count(*) as found from unnest(p_names) as u (name) group by u.name
  ) as f on f.name = r.module_name
  where r.robot_type = p_type
$$;
create temporary table chosen on commit drop as
select n, capataz.route_robot('SPREAD') as name from generate_series(1, 10000) as g (n);
select cmp_ok(pg_temp.worst((select array_agg(name) from chosen), 'SPREAD'), '<', 5::numeric, '10,000 calls of route_robot');
select cmp_ok(
  pg_temp.worst(capataz_ops._route('SPREAD', 10000), 'SPREAD'), '<', 5::numeric, '10,000 in one bulk'
);
select cmp_ok(
  pg_temp.worst(
    (select array_agg(s.module_name::text)
     from generate_series(1, 100) as g (n)
     cross join lateral (
       select u.name as module_name from unnest(capataz_ops._route('SPREAD', 99 + g.n % 3)) as u (name)
     ) as s),
    'SPREAD'
  ),
  '<', 5::numeric, '100 bulks of about 100'
);
select count(*) from capataz.submit_robots((select jsonb_agg('{"robot_type": "SPREAD"}'::jsonb) from generate_series(1, 2000)));
select cmp_ok(
  pg_temp.worst((select array_agg(module_name::text) from capataz.robots where robot_type = 'SPREAD'), 'SPREAD'), '<', 5::numeric,
  'robots of submit_robots'
);
select count(s.*) from generate_series(1, 500) as g (n) cross join lateral capataz.submit_robot('EVEN', to_jsonb(g.n)) as s;
select cmp_ok(
  pg_temp.worst((select array_agg(module_name::text) from capataz.robots where robot_type = 'EVEN'), 'EVEN'), '<', 5::numeric,
  'robots of submit_robot'
);
select cmp_ok(
  (select max(d.places)::integer
   from (select n - lag(n) over (partition by name order by n) as places from chosen where name = 'M5') as d),
  '<=', 5, 'the module with nearly half of the weight is never left out for long'
);
create temporary table turns on commit drop as
select n, capataz.route_robot('EVEN') as name from generate_series(1, 800) as g (n);
select is_empty(
  'select from turns as a join turns as b on b.n = a.n + 1 and b.name = a.name', 'among equals no module is chosen twice in a row'
);
select is_empty(
  $$select w.n, w.found
    from (select t.n, (select count(*) from turns as u where u.name = t.name and u.n between t.n and t.n + 31) as found from turns as t) as w
    where w.n <= 769 and w.found not between 2 and 6$$,
  'in any 32 in a row each of 8 equals has about 4'
);

select * from finish();
rollback;
