-- Each function that the gateway may execute belongs to one scope; a key without it is refused, a key with it, or with
-- admin, is not (specification 5.1, ADR 0020). What is missing here fails the first assertion.
begin;
select plan(4);
select capataz_test.module('ScopeA') as a \gset
create role scope_test in role capataz_gateway;

create temporary table scoped as
select s.scope, f.function_name
from (
  values
    ('submit', '{submit_robot,submit_robots,route_robot,cancel_robot,input_schema,begin_idempotent,finish_idempotent}'::text[]),
    ('work', '{claim_robots,release_robots,report_progress,retry_step,complete_execution,fail_execution,complete_executions,
      fail_executions,heartbeat_worker,stop_worker,record_health_check,record_due_health_check}'),
    ('read', '{get_robot,robot_data,execution_data,explain_robot,batch_progress,module_health,health_history,module_activity,
      explain_score,throughput,error_rates,resource_trend,queue_state,stuck_executions,
      performance_scoreboard,module_benchmark,step_analysis,error_patterns,capacity_plan,queue_forecast,robot_timeline,latency,errors_by_hour,recent_failures,running_executions,
      robot_attempts}'),
    ('admin', '{retry_robot,pause_execution,resume_execution,activate_module,deactivate_module,register_module,list_api_keys}'),
    ('read', '{execution_totals,worker_counts}'),
    ('work', '{trace_contexts}'),
    ('any', '{my_modules,take_rate_token}'),
    ('none', '{utc_now,deployed_version,authenticate,verify_api_key}')
) as s (scope, functions)
cross join unnest(s.functions) as f (function_name);
-- called with arguments of the right types that name nothing, or the key's module
create temporary table calls as
select s.scope, s.function_name, format(
  'select capataz.%I(%s)', p.proname,
  (
    select string_agg(
      format(
        '%I => %s', a.name,
        case
          when a.name = 'p_module_name' then '''ScopeA'''
          when a.name = 'p_field' then case p.proname when 'robot_data' then '''input_data''' else '''error_message''' end
          when a.name in ('p_results', 'p_robots') then '''[]'''
          when a.name = 'p_supported_robot_types' then 'array[''T'']'
          when a.type = 'text'::regtype then '''T'''
          when a.type = 'text[]'::regtype then '''{}'''
          when a.type = 'jsonb'::regtype then '''{}'''
          when a.type = 'boolean'::regtype then 'true'
          else '1'
        end
      ),
      ', '
    )
    from unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) with ordinality as a (name, type, place)
    where a.place <= p.pronargs - p.pronargdefaults
       or a.name in ('p_module_name')
  )
) as call
from scoped as s
join pg_proc as p on p.pronamespace = 'capataz'::regnamespace and p.proname = s.function_name;
create temporary table keys as
select k.scope, capataz.issue_api_key('ScopeA', k.scope, array[k.scope]) as api_key
from unnest(array['submit', 'work', 'read', 'admin']) as k (scope);
grant select on calls, keys to public;

select set_eq(
  $$select p.proname::text from pg_proc as p
    where p.pronamespace = 'capataz'::regnamespace and has_function_privilege('capataz_gateway', p.oid, 'execute')$$,
  'select function_name from scoped',
  'every function that the gateway executes has its scope'
);

create function pg_temp.answer(p_key text, p_call text) returns text language plpgsql as $$
begin
  begin
    perform * from capataz.authenticate(p_key);
    execute p_call;
    raise sqlstate 'TT000';
  exception
    when sqlstate 'TT000' then return 'ok';
    when sqlstate 'RB403' then return sqlerrm;
    when others then return sqlstate;
  end;
end
$$;
grant execute on function pg_temp.answer(text, text) to public;

set local role scope_test;
select is_empty(
  $$select k.scope, c.function_name, pg_temp.answer(k.api_key, c.call)
    from calls as c
    cross join keys as k
    where c.scope in ('submit', 'work', 'read', 'admin')
      and k.scope not in (c.scope, 'admin')
      and pg_temp.answer(k.api_key, c.call) <> format('the API key does not have scope "%s"', c.scope)$$,
  'without its scope each function is refused'
);
select is_empty(
  $$select k.scope, c.function_name, c.call, pg_temp.answer(k.api_key, c.call)
    from calls as c
    cross join keys as k
    where (k.scope in (c.scope, 'admin') or c.scope in ('any', 'none'))
      and c.function_name not in ('authenticate', 'verify_api_key')
      and pg_temp.answer(k.api_key, c.call) not in ('ok', 'RB404', 'RB400', 'RB503')$$,
  'with it, or with admin, none is'
);
select set_config('capataz.principal', '', true);
select is_empty(
  $$select c.function_name from calls as c
    where c.function_name not in ('utc_now', 'deployed_version') and capataz_test.outcome(c.call) <> 'RB401'$$,
  'without a key each is RB401'
);
reset role;

select * from finish();
rollback;
