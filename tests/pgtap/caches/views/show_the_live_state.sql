-- Each cache is a plain view as well: live, readable for viewers, changeable by nobody.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A', '{"max_concurrency": 4}', array['T', 'U']) as m \gset
select capataz_test.module('B') as m \gset
select capataz.warm_caches();
select capataz_test.module('C') as m \gset
update capataz.module_registry set performance_score = 0.90 where module_name in ('A', 'C');
set local role capataz_viewer;
select results_eq(
  'select module_name::text, max_concurrency from capataz.active_modules order by 1',
  $$values ('A', 4), ('B', null), ('C', null)$$, 'active modules'
);
select results_eq(
  'select rank, module_name::text from capataz.performance_scoreboard order by 1, 2',
  $$values (1::bigint, 'B'), (2, 'A'), (2, 'C')$$, 'the scoreboard; equal scores share a rank'
);
select results_eq(
  'select robot_type, module_name::text, round(share::numeric, 3) from capataz.routing_table order by 1, 2',
  $$values ('T', 'A', 0.321), ('T', 'B', 0.357), ('T', 'C', 0.321), ('U', 'A', 1.000)$$, 'the routing table'
);
select results_eq(
  'select check_name, status from capataz.system_health_status', 'select check_name, status from capataz.system_health()',
  'the system''s health'
);
select throws_ok('delete from capataz.active_modules', '42501', null, 'nobody writes through them');
set local role capataz_producer;
select throws_ok('select * from capataz.active_modules', '42501', null, 'a producer reads no views');
reset role;
select is_empty(
  $$select c.relname::text from pg_class as c
    where c.relnamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace) and c.relkind = 'v'
      and not 'security_invoker=true' = any (coalesce(c.reloptions, '{}'))$$,
  'views give nobody the rights of their owner'
);
-- what is cached is what the views show, once refreshed
update capataz_ops.caches set refreshed_at = null;
select is(
  capataz.cached('active_modules')::jsonb, (select jsonb_agg(to_jsonb(v.*) order by v.module_name) from capataz.active_modules as v),
  'active_modules, cached'
);
select is(
  capataz.cached('performance_scoreboard')::jsonb,
  (select jsonb_agg(to_jsonb(v.*) order by v.rank, v.module_name) from capataz.performance_scoreboard as v),
  'performance_scoreboard, cached'
);
select is(
  (select count(*)::integer from json_each(capataz.cached('routing_table')) as t cross join json_array_elements(t.value)),
  (select count(*)::integer from capataz.routing_table), 'routing_table, cached'
);
select is(
  capataz.cached('system_health')::jsonb, (select jsonb_agg(to_jsonb(v.*)) from capataz.system_health_status as v),
  'system_health, cached'
);

select * from finish();
rollback;
