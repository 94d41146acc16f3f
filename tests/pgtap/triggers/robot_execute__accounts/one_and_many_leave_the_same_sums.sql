-- An execution that completes alone is counted without grouping (ADR 0006): the same sums must be there as for many at once.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-01 12:00:00');
select capataz_test.module('One', '{"max_concurrency": 2}');
select capataz_test.module('Many', '{"max_concurrency": 2}');

-- the same two robots in each module: one with estimate and resources, one with neither that is reported twice
create function pg_temp.work(p_module_name text, p_together boolean) returns void language plpgsql as $$
declare
  v_ids text[];
begin
  perform capataz.submit_robot('T', '{}', p_module_name, p_estimated_duration_minutes => 2);
  perform capataz.submit_robot('T', '{}', p_module_name);
  perform capataz_test.advance('7 seconds');
  v_ids := array(select c.execute_id from capataz.claim_robots(p_module_name, 2) as c order by c.robot_id);
  perform capataz.report_progress(
    v_ids[1], p_cpu_usage_percent => 50, p_memory_usage_mb => 300, p_disk_io_mb => 7, p_network_io_mb => 3,
    p_external_api_calls => 4, p_external_api_duration_ms => 1500
  );
  perform capataz_test.advance('90 seconds');
  if p_together then
    perform capataz.complete_executions((select jsonb_agg(jsonb_build_object('execute_id', i)) from unnest(v_ids) as i));
  else
    perform capataz.complete_execution(v_ids[1]), capataz.complete_execution(v_ids[2]);
  end if;
end
$$;
select pg_temp.work('Many', true);
select capataz_test.set_clock('2026-03-01 12:00:00');
select pg_temp.work('One', false);

select capataz.fold_counters();
select isnt_empty($$select from capataz_ops.type_hours where module_name = 'One' and cpu_ms > 0 and estimated_count = 1$$, 'counted');
select set_eq(
  $$select to_jsonb(h) - 'module_name' from capataz_ops.type_hours as h where h.module_name = 'One'$$,
  $$select to_jsonb(h) - 'module_name' from capataz_ops.type_hours as h where h.module_name = 'Many'$$, 'per type and hour'
);
select set_eq(
  $$select to_jsonb(h) - 'module_name' from capataz_ops.type_minutes as h where h.module_name = 'One'$$,
  $$select to_jsonb(h) - 'module_name' from capataz_ops.type_minutes as h where h.module_name = 'Many'$$, 'per type and minute'
);
select set_eq(
  $$select to_jsonb(h) - 'module_name' from capataz_ops.module_minutes as h where h.module_name = 'One'$$,
  $$select to_jsonb(h) - 'module_name' from capataz_ops.module_minutes as h where h.module_name = 'Many'$$, 'per minute'
);
select set_eq(
  $$select to_jsonb(h) - 'module_name' from capataz_ops.module_histograms as h where h.module_name = 'One'$$,
  $$select to_jsonb(h) - 'module_name' from capataz_ops.module_histograms as h where h.module_name = 'Many'$$, 'histograms'
);
select set_eq(
  $$select total_robots_processed, success_rate_24h, avg_processing_time_ms from capataz.module_registry where module_name = 'One'$$,
  $$select total_robots_processed, success_rate_24h, avg_processing_time_ms from capataz.module_registry where module_name = 'Many'$$,
  'figures of the module'
);
select set_eq(
  $$select sum(p.free_count) from capataz_ops.module_permits as p where p.module_name = 'One'$$,
  'values (2::bigint)', 'permits are given back'
);

-- rows that were counted already
update capataz.robot_execute set worker_id = worker_id where module_name = 'One';
select capataz.fold_counters();
select is(
  (select sum(h.completed_count) from capataz_ops.type_hours as h where h.module_name = 'One'), 2::numeric, 'not counted again'
);
update capataz.robot_execute set disk_io_mb = 9
where execute_id = (select execute_id from capataz.robot_execute where module_name = 'One' order by robot_id limit 1);
select capataz.fold_counters();
select is(
  (select sum(h.disk_io_mb) from capataz_ops.type_hours as h where h.module_name = 'One'), 9::numeric,
  'a correction counts its difference'
);
select * from finish();
rollback;
