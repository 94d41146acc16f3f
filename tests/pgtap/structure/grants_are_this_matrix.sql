-- Who may execute what: the golden list (design 3, sql/grants.sql). A function that is missing here is granted to nobody.
begin;
select plan(9);

create temporary table matrix (role_name text, function_name text) on commit drop;
insert into matrix
select r.role_name, f.function_name
from (
  values
    ('{admin,operator,producer,worker,viewer,gateway}'::text[], '{utc_now}'::text[]),
    ('{admin,operator,producer,worker,viewer}', '{get_robot,explain_robot,batch_progress,module_health,health_history,module_activity,explain_score,system_health,
       cached,cache_statistics}'),
    ('{admin,operator,producer}', '{submit_robot,submit_robots,route_robot,cancel_robot}'),
    ('{admin,operator,worker}',
     '{claim_robots,release_robots,report_progress,retry_step,complete_execution,fail_execution,complete_executions,
       fail_executions,heartbeat_worker,stop_worker,record_health_check,record_due_health_check}'),
    ('{admin,operator}',
     '{retry_robot,pause_execution,resume_execution,expire_executions,activate_module,deactivate_module,fold_counters,
       find_stragglers,evaluate_health,score_modules,due_health_checks,move_waiting_robots,warm_caches,run_due_jobs,run_job}'),
    ('{admin}', '{register_module,rebuild_derived}')
) as g (roles, functions)
cross join unnest(g.roles) as r (role_name)
cross join unnest(g.functions) as f (function_name);

select set_eq(
  $$select substr(r.rolname, 9), p.proname::text
    from pg_roles as r
    cross join pg_proc as p
    where r.rolname ~ '^capataz_' and r.rolname <> 'capataz_owner'
      and p.pronamespace = 'capataz'::regnamespace
      and has_function_privilege(r.oid, p.oid, 'execute')$$,
  'select role_name, function_name from matrix',
  'each role executes exactly these functions'
);
select set_eq(
  $$select p.proname::text from pg_proc as p where p.pronamespace = 'capataz'::regnamespace$$,
  'select distinct function_name from matrix',
  'every public function is granted to somebody'
);
select is_empty(
  $$select r.rolname, p.oid::regprocedure::text
    from pg_roles as r
    cross join pg_proc as p
    where r.rolname ~ '^capataz_' and r.rolname <> 'capataz_owner'
      and p.pronamespace = 'capataz_ops'::regnamespace
      and has_function_privilege(r.oid, p.oid, 'execute')$$,
  'nobody executes internals'
);
select is_empty(
  $$select r.rolname from pg_roles as r
    where r.rolname ~ '^capataz_' and r.rolname <> 'capataz_owner' and has_schema_privilege(r.oid, 'capataz_ops', 'usage, create')$$,
  'nobody uses schema capataz_ops'
);
select is_empty(
  $$select r.rolname from pg_roles as r
    where r.rolname ~ '^capataz_' and r.rolname <> 'capataz_owner' and has_schema_privilege(r.oid, 'capataz', 'create')$$,
  'nobody creates objects in schema capataz'
);
select set_eq(
  $$select substr(r.rolname, 9), c.relname::text
    from pg_roles as r
    cross join pg_class as c
    where r.rolname ~ '^capataz_' and r.rolname <> 'capataz_owner'
      and c.relnamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace) and c.relkind in ('r', 'v', 'm', 'p')
      and has_table_privilege(r.oid, c.oid, 'select')$$,
  $$select r, t
    from unnest('{viewer,operator,admin}'::text[]) as r
    cross join unnest(
      '{module_registry,robots,robot_execute,active_modules,routing_table,performance_scoreboard,system_health_status}'::text[]
    ) as t$$,
  'viewers, operators and admins read the three tables and the four views, and nobody reads more'
);
select is_empty(
  $$select r.rolname, c.oid::regclass::text
    from pg_roles as r
    cross join pg_class as c
    where r.rolname ~ '^capataz_' and r.rolname <> 'capataz_owner'
      and c.relnamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace) and c.relkind in ('r', 'v', 'm', 'p')
      and has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate, references, trigger')$$,
  'nobody but the owner writes a table directly'
);
select is_empty(
  $$select r.rolname from pg_roles as r
    where r.rolname in ('capataz_owner', 'capataz_admin', 'capataz_operator', 'capataz_producer', 'capataz_worker',
      'capataz_viewer', 'capataz_gateway') and (r.rolcanlogin or r.rolsuper)$$,
  'the roles are groups: none may log in'
);
select is(
  (select count(*)::integer from pg_roles as r
   where r.rolname in ('capataz_owner', 'capataz_admin', 'capataz_operator', 'capataz_producer', 'capataz_worker',
     'capataz_viewer', 'capataz_gateway')),
  7, 'all seven roles exist'
);

select * from finish();
rollback;
