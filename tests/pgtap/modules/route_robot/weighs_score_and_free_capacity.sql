-- weight = performance score x free capacity; without a limit a module counts as the greatest of its fellows.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A', '{"max_concurrency": 10}', array['W']) as m \gset
select capataz_test.module('B', '{"max_concurrency": 30}', array['W', 'V']) as m \gset
select capataz_test.module('C', '{}', array['W', 'U']) as m \gset
select capataz_test.module('E', '{}', array['U']) as m \gset
update capataz.module_registry set performance_score = 0.50, capacity_utilization = 0.80 where module_name = 'B';
create function pg_temp.weights(p_type text) returns text language sql as $$
  select string_agg(format('%s %s', module_name, round(weight::numeric, 6)), ', ' order by module_name)
  from capataz.routing_table
  where robot_type = p_type
$$;
select is(pg_temp.weights('W'), 'A 10.000000, B 3.000000, C 30.000000', 'score x units x free share; C has no limit: 30 units');
select is(pg_temp.weights('U'), 'C 1.000000, E 1.000000', 'nobody has a limit: one unit each');
update capataz.module_registry set performance_score = 0, capacity_utilization = 1 where module_name = 'B';
select is(pg_temp.weights('V'), 'B 0.003000', 'a full module without a score still takes the hundredth part of a hundredth');
update capataz.module_registry set performance_score = null, capacity_utilization = null where module_name = 'B';
select is(pg_temp.weights('V'), 'B 30.000000', 'unknown counts as the best score and as idle');
select results_eq(
  $$select robot_type, round(sum(share)::numeric, 9), max(cumulative_share) from capataz.routing_table group by 1 order by 1$$,
  $$values ('U', 1.000000000, 1::double precision), ('V', 1.000000000, 1), ('W', 1.000000000, 1)$$,
  'shares add up to 1, the last cumulative one is exactly 1'
);
select capataz.cached('routing_table') is not null as filled \gset
select results_eq(
  $$select robot_type::text, module_names from capataz_ops.routes order by 1$$,
  $$values ('U', '{C,E}'::text[]), ('V', '{B}'), ('W', '{A,B,C}')$$, 'the router''s table has a row per type'
);
update capataz.module_registry set supported_robot_types = array['U', 'U', 'W'] where module_name = 'C';
select is(
  (select count(*)::integer from capataz.routing_table where robot_type = 'U' and module_name = 'C'), 1,
  'a type that is named twice counts once'
);

select * from finish();
rollback;
