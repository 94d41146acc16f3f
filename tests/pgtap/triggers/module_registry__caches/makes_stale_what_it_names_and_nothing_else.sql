-- Specification 4.3: health -> routing, score -> ranking, capacity -> assignment (the routing table); nothing else, however the
-- row is changed.
begin;
select plan(27);
select capataz_test.set_clock('2026-03-10 12:00:00');

-- warms all caches, runs a statement, and names those it made stale
create function pg_temp.stale(p_sql text) returns text language plpgsql as $$
begin
  perform capataz.warm_caches();
  if exists (select from capataz.cache_statistics() as s where s.is_stale) then
    raise 'not warm';
  end if;
  execute p_sql;
  return (select coalesce(string_agg(s.cache_name, ' ' order by s.cache_name), '-') from capataz.cache_statistics() as s where s.is_stale);
end
$$;
create function pg_temp.stale_by(p_assignment text) returns text language sql as $$
  select pg_temp.stale('update capataz.module_registry set ' || p_assignment || ' where module_name = ''A''')
$$;
select capataz_test.module('A', '{"max_concurrency": 4}') as m \gset
select capataz_test.module('B') as m \gset

select is(pg_temp.stale_by($$health_status = 'HEALTHY'$$), 'routing_table', 'health');
select is(pg_temp.stale_by('performance_score = 0.70'), 'performance_scoreboard', 'score');
select is(pg_temp.stale_by($$performance_tier = 'LOW'$$), 'performance_scoreboard', 'tier');
select is(pg_temp.stale_by('capacity_utilization = 0.25'), 'routing_table', 'capacity_utilization');
select is(pg_temp.stale_by('is_active = false'), 'routing_table', 'inactive');
select is(pg_temp.stale_by('is_active = true'), 'routing_table', 'active');
select is(
  pg_temp.stale_by($$registration_data = registration_data || '{"max_concurrency": 9}'$$), 'routing_table', 'max_concurrency'
);
select is(pg_temp.stale_by($$registration_data = registration_data - 'max_concurrency'$$), 'routing_table', 'no limit any more');
select is(pg_temp.stale_by($$supported_robot_types = array['T', 'U']$$), 'routing_table', 'robot types');
select is(
  pg_temp.stale_by($$health_status = 'DEGRADED', performance_score = 0.60$$), 'performance_scoreboard routing_table', 'health and score'
);
select is(pg_temp.stale($$select capataz_test.module('C')$$), 'routing_table', 'a new module');
select is(pg_temp.stale($$delete from capataz.module_registry where module_name = 'C'$$), 'routing_table', 'a deleted one');
select is(
  pg_temp.stale($$update capataz.module_registry set module_name = 'BB', module_id = 'BB_1.0_test' where module_name = 'B'$$),
  'routing_table', 'another name'
);
select is(
  pg_temp.stale($$insert into capataz.module_registry (module_id, module_name, module_version, supported_robot_types, is_active)
    values ('I_1_x', 'I', '1', '{T}', false)$$), '-', 'an inactive one'
);

update capataz.module_registry set health_status = 'UNKNOWN', consecutive_failures = 0;
select is(pg_temp.stale_by('performance_score = performance_score, health_status = health_status'), '-', 'the same values');
select is(
  pg_temp.stale_by($$avg_processing_time_ms = 5, uptime_percentage_24h = 50, last_error_message = 'x', total_robots_processed = 9, last_performance_check = capataz.utc_now(),
    module_version = '2.0', module_id = 'A_2.0_test', health_endpoint = 'http://a', compliance_flags = '{"a": 1}'$$), '-',
  'what is not named'
);
select is(
  pg_temp.stale('update capataz.module_registry set success_rate_24h = 95, error_count_24h = 3, consecutive_failures = 1'), '-',
  'windows and failures, as long as the health stays'
);
select is(
  pg_temp.stale_by($$registration_data = registration_data || '{"failure_threshold": 9, "mine": true}'$$), '-', 'other settings'
);
select is(pg_temp.stale('update capataz.module_registry set is_active = false where false'), '-', 'no row');

-- the life of a robot
select is(pg_temp.stale($$select capataz.submit_robot('T', p_module_name => 'A')$$), '-', 'a submit');
select is(pg_temp.stale($$select capataz.claim_robots('A', 10)$$), '-', 'a claim');
select is(
  pg_temp.stale($$select capataz.complete_execution(e.execute_id) from capataz.robot_execute as e where e.completed_at is null$$), '-',
  'a completion'
);
select capataz_test.module('L', '{"max_concurrency": 2}') as m \gset
select is(pg_temp.stale($$select capataz_test.running('L')$$), '-', 'a claim that takes a unit of a limit');
select is(pg_temp.stale('select capataz.fold_counters()'), 'routing_table', 'the minute job writes capacity_utilization');
select is(pg_temp.stale('select capataz.fold_counters()'), '-', 'it is the same at its next run');

select is(pg_temp.stale('truncate capataz.module_registry cascade'), 'routing_table', 'all gone');

select capataz.warm_caches();
select is_empty('select * from capataz_ops.cache_invalidations', 'a refresh removes what it shows');

select * from finish();
rollback;
