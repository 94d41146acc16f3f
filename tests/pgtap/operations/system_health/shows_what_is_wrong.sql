-- One row per check; overdue jobs, UNHEALTHY modules, a stale queue, expired executions and lost workers show.
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('E') as m \gset
update capataz_ops.jobs
set last_start_at = capataz.utc_now(), last_end_at = capataz.utc_now(), last_outcome = 'ok', last_error = null,
  next_due_at = capataz.utc_now() + interval '1 minute';
create function pg_temp.health(p_check text) returns text language sql as $$ select status || ': ' || detail from capataz.system_health() where check_name = p_check $$;
select set_eq(
  'select check_name from capataz.system_health()', array['jobs', 'modules', 'queue', 'executions', 'workers', 'snapshots', 'scheduler', 'consistency'], 'eight checks, one row each'
);
select is((select count(*)::integer from capataz.system_health()), 8, 'no more');
select is_empty(
  $$select * from capataz.system_health() where status not in ('OK', 'WARNING', 'CRITICAL') or coalesce(detail, '') = ''$$,
  'each with a status and words'
);
select matches(pg_temp.health('jobs'), '^OK', 'jobs are fine');
select capataz_test.robot('E') as r \gset
select capataz_test.advance('2 hours');
select matches(
  pg_temp.health('jobs'), '^WARNING.*fold_counters is overdue since 2026-03-10 12:01:00 UTC',
  'jobs that have not run are overdue'
);
select matches(
  pg_temp.health('queue'), '^WARNING: oldest due robot waits since 2026-03-10 12:00:00 UTC in E', 'the queue is stale'
);
select capataz.heartbeat_worker('w', 'E');
select count(*) from capataz.claim_robots('E', 1, 'w', 60);
select matches(pg_temp.health('queue'), '^OK', 'taken: nothing waits');
select matches(pg_temp.health('workers'), '^OK: 1 alive', 'one worker');
select capataz_test.advance('10 minutes');
select matches(pg_temp.health('executions'), '^WARNING: 1 ', 'an execution is past its timeout');
select capataz.expire_executions();
select matches(pg_temp.health('executions'), '^OK', 'it has ended');
select capataz_test.fail_some('E', 0);
update capataz.module_registry set consecutive_failures = 5 where module_name = 'E';
select matches(pg_temp.health('modules'), '^CRITICAL.*E is UNHEALTHY', 'a module is UNHEALTHY');
update capataz.module_registry set consecutive_failures = 0 where module_name = 'E';
select capataz.record_health_check('E', false);
select matches(pg_temp.health('modules'), '^WARNING.*E is DEGRADED', 'a module is DEGRADED');
select capataz.heartbeat_worker('w2', 'E');
select capataz_test.advance('1 minute');
select capataz.expire_executions();
select matches(pg_temp.health('workers'), '^WARNING: .* lost', 'a worker was lost');

select * from finish();
rollback;
