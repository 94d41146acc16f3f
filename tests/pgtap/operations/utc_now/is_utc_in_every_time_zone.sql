-- The clock is the transaction's time in UTC, and rules and results do not depend on the session's TimeZone.
begin;
select plan(5);

set local timezone = 'Asia/Kolkata';
select is(capataz.utc_now(), now() at time zone 'UTC', 'UTC in Kolkata');
set local timezone = 'America/Bogota';
select is(capataz.utc_now(), now() at time zone 'UTC', 'UTC in Bogota');
select capataz_test.set_clock('2026-03-10 23:59:30');
create function pg_temp.story(p_zone text) returns text language plpgsql as $$
declare
  v_name text := 'Z' || md5(p_zone);
  v_result text;
  v_id text;
begin
  perform set_config('timezone', p_zone, true);
  perform capataz_test.set_clock('2026-03-10 23:59:30');
  perform capataz_test.module(v_name);
  perform capataz.submit_robots(jsonb_build_array(
    jsonb_build_object('robot_type', 'T', 'module_name', v_name, 'robot_id', v_name || '.1', 'available_at', '2026-03-11T05:30:00+05:30', 'correlation_id', v_name),
    jsonb_build_object('robot_type', 'T', 'module_name', v_name, 'robot_id', v_name || '.2', 'available_at', '2026-03-11T00:00:00', 'correlation_id', v_name)
  ));
  perform capataz.submit_robot('T', p_module_name => v_name, p_available_at => '2026-03-11 00:00:01', p_robot_id => v_name || '.3', p_correlation_id => v_name);
  perform capataz_test.advance('30 seconds');
  v_result := (select count(*) from capataz.claim_robots(v_name, 10, null, 60));
  perform capataz_test.advance('10 seconds');
  v_id := capataz_test.active(v_name || '.1');
  perform capataz.report_progress(v_id, 50, 'STEP');
  perform capataz.complete_execution(v_id);
  perform capataz.fail_execution(capataz_test.active(v_name || '.2'), 'x');
  perform capataz.fold_counters();
  select v_result || string_agg(concat_ws(' ', r.status, r.created_at, r.available_at, r.started_at, r.completed_at, r.processing_time_ms, r.last_error_at), ',' order by r.robot_id)
    into v_result from capataz.robots as r where r.module_name = v_name;
  select v_result || string_agg(concat_ws(' ', e.execution_state, e.started_at, e.completed_at, e.duration_ms, e.estimated_completion_at, e.step_start_time), ',' order by e.robot_id)
    into v_result from capataz.robot_execute as e where e.module_name = v_name;
  select v_result || concat_ws(' ', m.error_count_24h, m.success_rate_24h, m.avg_processing_time_ms, m.registered_at, m.updated_at)
    into v_result from capataz.module_registry as m where m.module_name = v_name;
  select v_result || string_agg(f.minute::text, ',' order by f.minute) into v_result from capataz_ops.module_minutes as f where f.module_name = v_name;
  select v_result || (select coalesce(b.eta::text, 'none') from capataz.batch_progress(v_name) as b) into v_result;
  return v_result;
end
$$;
select is(pg_temp.story('America/Bogota'), pg_temp.story('UTC'), 'a whole story is the same in Bogota');
select is(pg_temp.story('Asia/Kolkata'), pg_temp.story('Europe/Madrid'), 'in Kolkata and Madrid');
select matches(
  pg_temp.story('Asia/Kathmandu'),
  '^2COMPLETED 2026-03-10 23:59:30 2026-03-11 00:00:00 2026-03-11 00:00:00 2026-03-11 00:00:10 10000', 'and what it should be'
);

select * from finish();
rollback;
