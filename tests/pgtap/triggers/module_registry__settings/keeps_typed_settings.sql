-- Settings follow registration_data however the row changes; bad ones are refused with RB400 that names the key.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('V') as m \gset
select results_eq(
  $$select max_concurrency, failure_threshold, retry_base_seconds, retry_factor, retry_max_seconds, retry_jitter,
      cache_ttl_seconds, worker_timeout_seconds, timeout_seconds, priority_aging_seconds
    from capataz_ops.module_settings where module_name = 'V'$$,
  $$values (null::integer, 5, 5::float8, 2::float8, 3600::float8, 0::float8, null::float8, 30::float8, 1800, 600::float8)$$,
  'defaults (the fixture sets jitter 0)'
);
update capataz.module_registry
set registration_data = '{"max_concurrency": 4, "failure_threshold": 9, "cache_ttl_seconds": 1.5, "worker_timeout_seconds": 60,
  "timeout_seconds": 10, "priority_aging_seconds": 30, "retry_policy": {"base_seconds": 1, "factor": 3, "max_seconds": 9, "jitter": 0.5}}'
where module_name = 'V';
select results_eq(
  $$select max_concurrency, failure_threshold, retry_base_seconds, retry_factor, retry_max_seconds, retry_jitter,
      cache_ttl_seconds, worker_timeout_seconds, timeout_seconds, priority_aging_seconds
    from capataz_ops.module_settings where module_name = 'V'$$,
  $$values (4, 9, 1::float8, 3::float8, 9::float8, 0.5::float8, 1.5::float8, 60::float8, 10, 30::float8)$$,
  'plain SQL changes them too'
);
create temporary table bad (setting text) on commit drop;
insert into bad
values ('{"max_concurrency": 0}'), ('{"max_concurrency": 1.5}'), ('{"max_concurrency": "4"}'), ('{"max_concurrency": -1}'),
  ('{"max_concurrency": 1000001}'), ('{"failure_threshold": 0}'), ('{"cache_ttl_seconds": 0}'), ('{"cache_ttl_seconds": true}'),
  ('{"worker_timeout_seconds": 0}'), ('{"worker_timeout_seconds": 90000}'), ('{"timeout_seconds": 0}'),
  ('{"timeout_seconds": 2147483648}'), ('{"timeout_seconds": 2.5}'), ('{"priority_aging_seconds": 0}'),
  ('{"retry_policy": 5}'), ('{"retry_policy": {"base_seconds": -1}}'), ('{"retry_policy": {"factor": 0.5}}'),
  ('{"retry_policy": {"max_seconds": "1"}}'), ('{"retry_policy": {"jitter": 1.1}}'), ('{"failure_threshold": 1e99}');
select is_empty(
  $$select setting from bad
    where capataz_test.outcome(format('select capataz.register_module(%L, %L, %L, p_registration_data => %L)', 'V', '1', '{T}', setting)) <> 'RB400'$$,
  'register_module refuses each bad setting'
);
select is_empty(
  $$select setting from bad
    where capataz_test.outcome(format('update capataz.module_registry set registration_data = %L where module_name = %L', setting, 'V')) <> 'RB400'$$,
  'so does the trigger under plain SQL'
);
select is_empty(
  $$select setting from bad
    where strpos(
      capataz_test.error_part(
        format('select capataz.register_module(%L, %L, %L, p_registration_data => %L)', 'V', '1', '{T}', setting), 'message'
      ),
      (select k from jsonb_object_keys(setting::jsonb) as k)
    ) = 0$$,
  'the message names the key'
);
select is((select max_concurrency from capataz_ops.module_settings where module_name = 'V'), 4, 'nothing changed');

select * from finish();
rollback;
