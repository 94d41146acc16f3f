-- Who may execute what: the golden list (design 3, sql/grants.sql). A function that is missing here is granted to nobody.
begin;
select plan(11);

create temporary table matrix (role_name text, function_name text) on commit drop;
insert into matrix
select r.role_name, f.function_name
from (
  values
    ('{admin,operator,producer,worker,viewer,gateway}'::text[], '{utc_now,my_modules,deployed_version}'::text[]),
    ('{admin,operator,producer,worker,viewer,gateway}',
     '{get_robot,robot_data,execution_data,explain_robot,batch_progress,module_health,health_history,module_activity,explain_score,
       throughput,error_rates,resource_trend,queue_state,stuck_executions,input_schema,
       performance_scoreboard,module_benchmark,step_analysis,error_patterns,capacity_plan,queue_forecast,robot_timeline,latency,errors_by_hour,recent_failures,
       running_executions,robot_attempts}'),
    ('{admin,operator,producer,worker,viewer}', '{system_health,cached,cache_statistics,fleet_trend,list_jobs}'),
    ('{admin,operator,producer,worker,viewer,gateway}', '{execution_totals,worker_counts}'),
    ('{admin,operator,producer,worker,viewer}', '{report,list_reports}'),
    ('{admin,operator,producer,gateway}', '{submit_robot,submit_robots,route_robot,cancel_robot}'),
    ('{admin,operator,worker,gateway}',
     '{claim_robots,trace_contexts,release_robots,report_progress,retry_step,complete_execution,fail_execution,complete_executions,
       fail_executions,heartbeat_worker,stop_worker,record_health_check,record_due_health_check}'),
    ('{admin,operator,gateway}', '{retry_robot,pause_execution,resume_execution,activate_module,deactivate_module}'),
    ('{admin,operator}',
     '{expire_executions,fold_counters,find_stragglers,evaluate_health,score_modules,due_health_checks,move_waiting_robots,
       warm_caches,run_due_jobs,run_job,sample_resources,roll_up_trends,trim_windows,validate_consistency,purge_history,
       hold_ticker,release_ticker,build_daily_report,build_weekly_report,build_monthly_report,fold_analytics,store_forecasts}'),
    ('{admin,gateway}', '{register_module,list_api_keys,verify_api_key}'),
    ('{admin,operator,producer,worker,gateway}', '{take_rate_token}'),
    ('{gateway}', '{authenticate,begin_idempotent,finish_idempotent}'),
    ('{admin}',
     '{rebuild_derived,grant_module,revoke_module,module_grants,set_module_security,issue_api_key,revoke_api_key,rotate_api_key}')
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
    from (
      values
        ('{admin}'::text[], '{module_registry}'::text[]),
        ('{worker,operator,admin}', '{robots,robot_execute}'),
        ('{viewer,operator,admin}', '{active_modules,routing_table,performance_scoreboard,system_health_status,running,stuck,queue,modules,today}'),
        ('{viewer,worker,operator,admin}', '{robot_details,execution_details}')
    ) as g (roles, tables)
    cross join unnest(g.roles) as r
    cross join unnest(g.tables) as t$$,
  'each role reads exactly these tables and views whole'
);
select set_eq(
  $$select substr(r.rolname, 9), c.relname::text, a.attname::text
    from pg_roles as r
    cross join pg_class as c
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where r.rolname ~ '^capataz_' and r.rolname <> 'capataz_owner'
      and c.oid in ('capataz.module_registry'::regclass, 'capataz.robots'::regclass, 'capataz.robot_execute'::regclass)
      and not has_column_privilege(r.oid, c.oid, a.attnum, 'select')
      and has_any_column_privilege(r.oid, c.oid, 'select')$$,
  $$select g.r, g.t, c.c
    from (
      values
        ('operator', 'module_registry', '{registration_data}'::text[]),
        ('worker', 'module_registry', '{registration_data}'),
        ('viewer', 'module_registry', '{registration_data,last_error_message}'),
        ('viewer', 'robots', '{input_data,output_data,error_details,performance_metrics,enterprise_metadata,compliance_context}'),
        ('viewer', 'robot_execute', '{step_details,error_message,error_stack_trace,execution_metadata,compliance_context}')
    ) as g (r, t, columns)
    cross join unnest(g.columns) as c$$,
  'of the three tables these columns alone are closed to who may read others of them'
);
select set_eq(
  $$select substr(r.rolname, 9), c.relname::text
    from pg_roles as r
    cross join pg_class as c
    where r.rolname ~ '^capataz_' and r.rolname <> 'capataz_owner'
      and c.relnamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace) and c.relkind in ('r', 'p')
      and has_any_column_privilege(r.oid, c.oid, 'select')$$,
  $$select r, t from unnest('{admin,operator,viewer,worker}'::text[]) as r
    cross join unnest('{module_registry,robots,robot_execute}'::text[]) as t$$,
  'producers and the gateway read no table, and nobody reads a table of capataz_ops'
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
