-- Catalog-wide rules for routines (style 2.18 to 2.20); they hold for tomorrow's routine too.
begin;
select plan(14);

create temporary view routines as
select
  p.oid, p.oid::regprocedure::text as signature, p.proname::text as name, p.pronamespace::regnamespace::text as schema_name,
  p.prosrc, p.prosecdef, p.provolatile, p.proparallel, p.proconfig, p.prorettype, p.proowner::regrole::text as owner, p.prokind, l.lanname,
  obj_description(p.oid, 'pg_proc') as comment
from pg_proc as p
join pg_language as l on l.oid = p.prolang
where p.pronamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace);

select cmp_ok((select count(*)::integer from routines), '>', 60, 'there are routines to look at');
select is_empty(
  $$select signature from routines where not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)$$,
  'every routine pins search_path to pg_catalog, pg_temp'
);
select is_empty(
  $$select signature from routines where coalesce(btrim(comment), '') = ''$$,
  'every routine has a comment'
);
select is_empty(
  $$select signature from routines where owner <> 'capataz_owner'$$,
  'every routine belongs to capataz_owner'
);
select ok(
  (select not r.rolcanlogin and not r.rolsuper and not r.rolcreaterole and not r.rolcreatedb and not r.rolbypassrls
   from pg_roles as r where r.rolname = 'capataz_owner'),
  'capataz_owner may not log in and has no power over the cluster'
);
select is_empty(
  $$select signature from routines where lanname not in ('sql', 'plpgsql') or prokind <> 'f'$$,
  'routines are functions in SQL or PL/pgSQL'
);
select is_empty(
  $$select signature from routines
    where schema_name = 'capataz' and name <> 'utc_now' and not prosecdef$$,
  'every public function but the clock is SECURITY DEFINER: tables are not granted for writing'
);
select set_eq(
  $$select name from routines where schema_name = 'capataz_ops' and prosecdef and prorettype <> 'trigger'::regtype$$,
  array['_fold_module'],
  'of the internals only _fold_module is SECURITY DEFINER beside the triggers'
);
select is_empty(
  $$select signature from routines where prorettype = 'trigger'::regtype and (not prosecdef or provolatile <> 'v')$$,
  'trigger functions write whoever caused them: SECURITY DEFINER and volatile'
);
select set_eq(
  $$select name from routines where schema_name = 'capataz' and provolatile <> 'v'$$,
  array['report', 'list_reports', 'execution_totals', 'worker_counts', 'trace_contexts',
    'utc_now', 'deployed_version', 'get_robot', 'explain_robot', 'batch_progress', 'system_health', 'due_health_checks',
    'module_health', 'health_history', 'module_activity', 'explain_score', 'cache_statistics', 'my_modules', 'module_grants',
    'list_api_keys', 'robot_data', 'execution_data', 'throughput', 'error_rates', 'resource_trend', 'fleet_trend',
    'list_jobs', 'queue_state', 'stuck_executions', 'input_schema', 'performance_scoreboard',
    'module_benchmark', 'step_analysis', 'error_patterns', 'capacity_plan', 'queue_forecast', 'robot_timeline', 'latency', 'errors_by_hour', 'recent_failures', 'running_executions', 'robot_attempts'],
  'only these public functions promise to write nothing'
);
select is_empty(
  $$select signature from routines where proparallel <> 'u' and provolatile = 'v' and name <> '_execute_id_prefix'$$,
  'no volatile routine claims to be parallel safe'
);
select is_empty(
  $$select signature from routines
    where array_to_string(proconfig, ' ') ~ 'enable_[a-z]+=off' and not 'jit=off' = any (proconfig)$$,
  'routines that forbid plans also switch JIT off: what is left costs 1e10, and would be compiled at every call'
);
select is_empty(
  $$select signature from routines where schema_name = 'capataz' and name ~ '^_'
    union all
    select signature from routines where schema_name = 'capataz_ops' and name !~ '^(_|tg_)'$$,
  'internals begin with _ and live in capataz_ops; what is public does neither'
);

-- whoever writes robots or executions for a caller must not trust the caller's settings (ADR 0008)
select set_eq(
  $$select name from routines
    where prorettype <> 'trigger'::regtype
      and prosrc ~ '(update|insert into|delete from) capataz\.(robots|robot_execute)\M'
      and prosrc !~ 'set_config\(''capataz\.derived'''$$,
  -- called by those that do, by triggers after plain SQL, for has_permit alone, or for compliance_context
  array['_close_executions', '_open_executions', '_settle_robots', '_insert_robot', '_submit_keyed', '_submit_ordered', '_reconcile_permits',
    '_mark_executions'],
  'every routine that writes robots or executions empties capataz.derived first, or sets it'
);

select * from finish();
rollback;
