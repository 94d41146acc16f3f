-- A plain update capataz.robots set status = ... gives the same figures as the functions (issue): two modules, one story.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Api', '{"failure_threshold": 3}') as m \gset
select capataz_test.module('Sql', '{"failure_threshold": 3}') as m \gset
create function pg_temp.story(p_step integer, p_module_name text, p_is_plain boolean) returns void language plpgsql as $$
declare
  v_id text := capataz_test.running(p_module_name, p_retry_limit => 1);
  v_robot_id text := (capataz_test.robot_of(v_id)).robot_id;
begin
  perform capataz_test.advance('1234 milliseconds');
  case p_step
    when 1 then
      if p_is_plain then
        update capataz.robots set status = 'COMPLETED' where robot_id = v_robot_id;
      else
        perform capataz.complete_execution(v_id);
      end if;
    when 2 then
      if p_is_plain then
        update capataz.robots set status = 'FAILED', error_category = 'VALIDATION' where robot_id = v_robot_id;
      else
        perform capataz.fail_execution(v_id, 'x', 'VALIDATION');
      end if;
    when 3 then
      if p_is_plain then
        update capataz.robots set status = 'RETRYING' where robot_id = v_robot_id;
      else
        perform capataz.fail_execution(v_id, 'x');
      end if;
      perform capataz.cancel_robot(v_robot_id);
    when 4 then
      if p_is_plain then
        update capataz.robots set status = 'FAILED', error_category = 'CANCELLED' where robot_id = v_robot_id;
      else
        perform capataz.cancel_robot(v_robot_id);
      end if;
    when 5 then
      if p_is_plain then
        update capataz.robots set status = 'PENDING' where robot_id = v_robot_id;
      else
        perform capataz.release_robots(array[v_id]);
      end if;
      perform capataz.cancel_robot(v_robot_id);
    when 6 then
      if p_is_plain then
        update capataz.robot_execute set execution_state = 'FAILED' where execute_id = v_id;
      else
        perform capataz.fail_execution(v_id, 'x');
      end if;
      perform capataz.cancel_robot(v_robot_id);
  end case;
end
$$;
create function pg_temp.figures(p_module_name text) returns text language sql as $$
  select format('%s %s %s %s %s %s %s',
    m.error_count_24h, m.success_rate_24h, m.avg_processing_time_ms, m.total_robots_processed, m.total_processing_time_hours,
    m.consecutive_failures, m.health_status)
  from capataz.module_registry as m
  where m.module_name = p_module_name
$$;
create function pg_temp.tell(p_steps integer[]) returns void language plpgsql as $$
declare
  v_step integer;
begin
  foreach v_step in array p_steps loop
    perform pg_temp.story(v_step, 'Api', false);
    perform pg_temp.story(v_step, 'Sql', true);
  end loop;
  perform capataz.fold_counters();
end
$$;
select pg_temp.tell('{1,1,2}');
select is(pg_temp.figures('Sql'), pg_temp.figures('Api'), 'two successes and a failure');
select is(pg_temp.figures('Sql'), '1 66.67 1234 3 0.00 1 UNKNOWN', 'as worked out by hand');
select pg_temp.tell('{3,4,5}');
select is(pg_temp.figures('Sql'), pg_temp.figures('Api'), 'a retry, a cancellation, a release');
select is(pg_temp.figures('Sql'), '2 50.00 1234 4 0.00 2 UNKNOWN', 'only the retry counts');
select pg_temp.tell('{6}');
select is(pg_temp.figures('Sql'), pg_temp.figures('Api'), 'a third failure in a row');
select is(pg_temp.figures('Sql'), '3 40.00 1234 5 0.00 3 UNHEALTHY', 'makes the module UNHEALTHY');
select pg_temp.tell('{1}');
select is(pg_temp.figures('Sql'), pg_temp.figures('Api'), 'a success');
select is(pg_temp.figures('Sql'), '3 50.00 1234 6 0.00 0 HEALTHY', 'heals it');

select * from finish();
rollback;
