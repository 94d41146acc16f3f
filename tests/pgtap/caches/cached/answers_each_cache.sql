-- The four caches of the specification, their lifetimes and what they hold.
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A', '{"max_concurrency": 4}', array['T', 'U']) as m \gset
select capataz_test.module('B') as m \gset
select capataz_test.module('Gone') as m \gset
update capataz.module_registry set performance_score = 0.40, performance_tier = 'LOW' where module_name = 'A';
select capataz.deactivate_module('Gone');
select results_eq(
  'select cache_name, ttl_seconds from capataz.cache_statistics() order by cache_name',
  $$values ('active_modules', 300), ('performance_scoreboard', 600), ('routing_table', 60), ('system_health', 30)$$,
  'four caches with the lifetimes of the specification'
);
select is(
  capataz.cached('active_modules')::jsonb,
  '[{"module_name": "A", "module_version": "1.0", "supported_robot_types": ["T", "U"], "health_status": "UNKNOWN",
     "performance_score": 0.40, "max_concurrency": 4, "capacity_utilization": 0.00},
    {"module_name": "B", "module_version": "1.0", "supported_robot_types": ["T"], "health_status": "UNKNOWN",
     "performance_score": 1.00, "max_concurrency": null, "capacity_utilization": 0.00}]'::jsonb,
  'active modules'
);
select is(
  capataz.cached('routing_table')::jsonb,
  '{"T": [{"module_name": "A", "weight": 1.6, "share": 0.285714}, {"module_name": "B", "weight": 4, "share": 0.714286}],
    "U": [{"module_name": "A", "weight": 1.6, "share": 1}]}'::jsonb,
  'per robot type the candidates, weights and shares'
);
select is(
  (select jsonb_agg(jsonb_build_array(e ->> 'rank', e ->> 'module_name', e ->> 'performance_tier'))
   from jsonb_array_elements(capataz.cached('performance_scoreboard')::jsonb) as e),
  '[["1", "B", "MEDIUM"], ["2", "A", "LOW"]]'::jsonb, 'the scoreboard, best first'
);
select is(
  (select count(*)::integer from jsonb_object_keys(capataz.cached('performance_scoreboard')::jsonb -> 0) as k), 10,
  'with ten columns'
);
select is(
  (select array_agg(e ->> 'check_name') from jsonb_array_elements(capataz.cached('system_health')::jsonb) as e),
  (select array_agg(h.check_name) from capataz.system_health() as h), 'the checks of system_health, in their order'
);
select is_empty(
  $$select from jsonb_array_elements(capataz.cached('system_health')::jsonb) as e where not e ?& '{check_name,status,detail}'$$,
  'each with status and detail'
);
select is(capataz.cached(p_cache_name => 'active_modules')::text, capataz.cached('active_modules')::text, 'named notation');
delete from capataz.module_registry;
update capataz_ops.caches set refreshed_at = null;
select is(
  (select array_agg(capataz.cached(c)::text) from unnest('{active_modules,performance_scoreboard,routing_table}'::text[]) as c),
  '{[],[],"{}"}', 'without modules they are empty, not null'
);
set local role capataz_viewer;
select lives_ok($$select capataz.cached('routing_table')$$, 'a viewer may read them');

select * from finish();
rollback;
