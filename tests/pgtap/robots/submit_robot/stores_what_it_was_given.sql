-- Every argument reaches its column; null for an optional argument means its default.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select robot_id as r from capataz.submit_robot(
  'T', '{"page": 1}', 'A', 'HIGH', '2026-03-11 08:00', 'key-a', 'batch-a', 'file:///a', 7, 12, 2.26, 'COMPLEX', 'SECRET',
  array['GDPR', 'ñ'], '{"tenant": 5}', 'A.1:x-y_z'
) \gset
select is(:'r'::text, 'A.1:x-y_z', 'a brought id is used');
select results_eq(
  $$select robot_type::text, status::text, module_name::text, input_data, priority::text, available_at, cache_key::text,
      correlation_id::text, source_reference::text, retry_limit, estimated_duration_minutes, complexity_score,
      processing_tier::text, security_classification::text, compliance_tags, enterprise_metadata, created_at, updated_at
    from capataz.robots where robot_id = 'A.1:x-y_z'$$,
  $$values ('T', 'PENDING', 'A', '{"page": 1}'::jsonb, 'HIGH', '2026-03-11 08:00'::timestamp, 'key-a', 'batch-a', 'file:///a', 7, 12,
      2.3, 'COMPLEX', 'SECRET', array['GDPR', 'ñ'], '{"tenant": 5}'::jsonb, '2026-03-10 12:00'::timestamp,
      '2026-03-10 12:00'::timestamp)$$,
  'every argument in its column'
);
select robot_id as r from capataz.submit_robot(
  'T', null, 'A', null, null, null, null, null, null, null, null, null, null, null, null, null
) \gset
select results_eq(
  format($$select input_data, priority::text, available_at, retry_limit, complexity_score, processing_tier::text,
      security_classification::text, enterprise_metadata, retry_count, cache_hit, output_data is null
    from capataz.robots where robot_id = %L$$, :'r'),
  $$values ('{}'::jsonb, 'NORMAL', '2026-03-10 12:00'::timestamp, 3, 1.0, 'STANDARD', 'STANDARD', '{}'::jsonb, 0, false, true)$$,
  'null means the default'
);
select matches(:'r'::text, '^[a-z0-9]{1,20}_[0-9]{17}_[0-9]+$', 'a generated id has its form');
select matches(:'r'::text, '^t_20260310120000000_[0-9]+$', 'prefix from the type, time in UTC');
select results_eq(
  $$select robot_id::text, module_name::text, status::text, cache_hit, deduplicated from capataz.submit_robot('T', p_module_name => 'A', p_robot_id => 'a-2')$$,
  $$values ('a-2', 'A', 'PENDING', false, false)$$, 'one row comes back'
);
select is((capataz.get_robot('a-2')).is_routed, false, 'a pinned robot is not routed');
select lives_ok($$select * from capataz.submit_robot('T', '[1, "x", null]', 'A')$$, 'input may be any JSON');

select * from finish();
rollback;
