-- One row per check, in order; ok false names what keeps the robot from being claimed (issue).
begin;
select plan(23);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('P', '{"max_concurrency": 1, "failure_threshold": 2}') as m \gset
create function pg_temp.blockers(p_robot_id text) returns text[] language sql as $$
  select coalesce(array_agg(check_name order by ordinality) filter (where not ok), '{}')
  from capataz.explain_robot(p_robot_id) with ordinality
$$;
create function pg_temp.detail(p_robot_id text, p_check text) returns text language sql as $$
  select detail from capataz.explain_robot(p_robot_id) where check_name = p_check
$$;
select capataz_test.robot('P', p_robot_id => 'p-1') as r \gset
select results_eq(
  $$select check_name from capataz.explain_robot('p-1')$$,
  $$values ('status'), ('due'), ('module_active'), ('module_health'), ('capacity'), ('queue_position'), ('lease')$$, 'seven checks'
);
select is(pg_temp.blockers('p-1'), '{}', 'nothing keeps it: it is next');
select is_empty($$select check_name from capataz.explain_robot('p-1') where coalesce(detail, '') = ''$$, 'every check has words');
select count(
  *) from capataz.submit_robot('T', p_module_name => 'P', p_available_at => '2026-03-10 13:00', p_robot_id => 'p-later'
);
select is(pg_temp.blockers('p-later'), array['due', 'queue_position'], 'not due');
select matches(pg_temp.detail('p-later', 'due'), 'not due before 2026-03-10 13:00:00 UTC, in 01:00:00', 'until when');
select capataz_test.robot('P', 'LOW', 'p-low') as r \gset
select capataz_test.robot('P', 'HIGH', 'p-high') as r \gset
select is(pg_temp.blockers('p-low'), array['queue_position'], 'waits behind others');
select matches(pg_temp.detail('p-low', 'queue_position'), 'behind 2 ', 'behind how many');
select is(pg_temp.blockers('p-high'), '{}', 'HIGH is next');
select count(*) from capataz.claim_robots('P', 1, 'w-1');
select is(pg_temp.blockers('p-high'), array['status', 'capacity', 'lease'], 'it runs: not waiting, and held');
select matches(
  pg_temp.detail('p-high', 'lease'), 'RUNNING with worker w-1, times out at 2026-03-10 12:30:00 UTC', 'by whom, how long'
);
select is(pg_temp.blockers('p-1'), array['capacity'], 'capacity is full');
select matches(pg_temp.detail('p-1', 'capacity'), '1 of max_concurrency 1', 'how full');
select capataz.deactivate_module('P');
select is(pg_temp.blockers('p-1'), array['module_active', 'capacity'], 'the module is inactive');
select capataz.activate_module('P');
select capataz.complete_execution(capataz_test.active('p-high'));
select is(pg_temp.blockers('p-high'), array['status'], 'it is done');
select matches(pg_temp.detail('p-high', 'status'), 'COMPLETED', 'and says so');
select capataz.fail_execution((select execute_id from capataz.claim_robots('P')), 'x', 'EXTERNAL_API');
select matches(
  pg_temp.detail('p-1', 'status'), 'RETRYING: waits for attempt 2 of 4 after EXTERNAL_API', 'it waits for its next attempt'
);
select is(pg_temp.blockers('p-1'), array['due'], 'which is not due yet');
select capataz.fail_execution((select execute_id from capataz.claim_robots('P')), 'x');
select is((capataz_test.module_row('P')).health_status::text, 'UNHEALTHY', 'two failures');
select is(pg_temp.blockers('p-low'), array['due', 'module_health'], 'the module is UNHEALTHY');
select matches(pg_temp.detail('p-low', 'module_health'), 'one probe robot at a time', 'and what that means');
select capataz_test.advance('1 minute');
select count(*) from capataz.claim_robots('P');
select matches(pg_temp.detail('p-later', 'module_health'), 'probing with one robot', 'a probe is running');
select throws_ok($$select * from capataz.explain_robot('nobody')$$, 'RB404', 'no robot "nobody"', 'unknown');
select throws_ok($$select * from capataz.explain_robot(null)$$, 'RB400', 'robot_id is required', 'null');

select * from finish();
rollback;
