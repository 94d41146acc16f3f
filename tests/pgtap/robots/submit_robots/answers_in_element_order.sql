-- One row per element, in order, whatever the order of cache keys; objects carry the arguments of submit_robot less p_.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('K') as m \gset
select capataz_test.module('K2') as m \gset
create temporary table made on commit drop as
select * from capataz.submit_robots('[
  {"robot_type": "T", "module_name": "K", "robot_id": "k-1", "cache_key": "z"},
  {"robot_type": "T", "module_name": "K2", "robot_id": "k-2", "cache_key": "a"},
  {"robot_type": "T", "module_name": "K", "robot_id": "k-3"},
  {"robot_type": "T", "module_name": "K2", "robot_id": "k-4", "cache_key": "a"}
]') with ordinality;
select results_eq(
  'select robot_id::text, module_name::text, status::text, cache_hit, deduplicated from made order by ordinality',
  $$values ('k-1', 'K', 'PENDING', false, false), ('k-2', 'K2', 'PENDING', false, false), ('k-3', 'K', 'PENDING', false, false),
    ('k-2', 'K2', 'PENDING', false, true)$$,
  'in order; the second element of a key is deduplicated'
);
select results_eq(
  $$select robot_id::text from capataz.submit_robots((select jsonb_agg(jsonb_build_object('robot_type', 'T', 'module_name', 'K', 'robot_id', 'k-n' || i) order by i) from generate_series(1, 50) as i))$$,
  $$select 'k-n' || i from generate_series(1, 50) as i$$, 'in order without keys'
);
select results_eq(
  $$select robot_id::text from capataz.claim_robots('K', 100) where robot_id ~ 'k-n'$$,
  $$select 'k-n' || i from generate_series(1, 50) as i$$, 'they are claimed in the order of the elements'
);
select is_empty($$select * from capataz.submit_robots('[]')$$, 'an empty array is fine');
select count(*) from capataz.submit_robots('[{
  "robot_type": "T", "input_data": {"page": 1}, "module_name": "K", "priority": "HIGH", "available_at": "2026-03-11T08:00:00-05:00",
  "correlation_id": "b", "source_reference": "s", "retry_limit": 7, "estimated_duration_minutes": 12, "complexity_score": 2.26,
  "processing_tier": "COMPLEX", "security_classification": "SECRET", "compliance_tags": ["GDPR"], "metadata": {"tenant": 5}, "robot_id": "k-full"}]');
select results_eq(
  $$select input_data, priority::text, available_at, correlation_id::text, source_reference::text, retry_limit, estimated_duration_minutes,
      complexity_score, processing_tier::text, security_classification::text, compliance_tags, enterprise_metadata
    from capataz.robots where robot_id = 'k-full'$$,
  $$values ('{"page": 1}'::jsonb, 'HIGH', '2026-03-11 13:00'::timestamp, 'b', 's', 7, 12, 2.3, 'COMPLEX', 'SECRET', array['GDPR'], '{"tenant": 5}'::jsonb)$$,
  'every key in its column; a zone is honoured'
);
select count(
  *) from capataz.submit_robots('[{"robot_type": "T", "module_name": null, "priority": null, "input_data": null, "retry_limit": null, "metadata": null, "robot_id": "k-null"}]'
);
select is((capataz.get_robot('k-null')).retry_limit, 3, 'a JSON null means the default');
select is((capataz.get_robot('k-null')).input_data, '{}'::jsonb, 'also for input_data');

select * from finish();
rollback;
