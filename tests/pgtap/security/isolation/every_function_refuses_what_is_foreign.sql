-- A role that is tied to one module gets RB403 for robots, executions and modules of another, from every function it may
-- execute; nothing is changed by the attempt (specification 5.1, ADR 0019).
begin;
select plan(57);
select capataz_test.module('ForA', '{"cache_ttl_seconds": 1000}') as a \gset
select capataz_test.module('ForB') as b \gset
create role for_test in role capataz_worker, capataz_producer;
select capataz.grant_module('ForA', 'for_test');
select capataz_test.running('ForB', 'worker-b') as execute_id \gset
select robot_id from capataz.robot_execute where execute_id = :'execute_id' \gset
select robot_id as waiting from capataz.submit_robot('T', '{}', 'ForB', p_correlation_id => 'for-b', p_cache_key => 'for-key') \gset
select capataz_test.running('ForA') as mine \gset
select robot_id as my_robot from capataz.submit_robot('T', '{}', 'ForA', p_correlation_id => 'for-b') \gset
select capataz.heartbeat_worker('worker-b', 'ForB');

create temporary table before as
select (select jsonb_agg(r order by r.robot_id) from capataz.robots as r where r.module_name = 'ForB') as robots,
  (select jsonb_agg(e order by e.execute_id) from capataz.robot_execute as e where e.module_name = 'ForB') as executions,
  (select to_jsonb(m) from capataz.module_registry as m where m.module_name = 'ForB') as module,
  (select jsonb_agg(w) from capataz_ops.workers as w where w.module_name = 'ForB') as workers;
create temporary table attempts as
select v.place, format(v.call, case v.what when 'e' then :'execute_id' when 'r' then :'robot_id' when 'w' then :'waiting' else 'ForB' end) as call
from (
  values
    (1, 'select capataz.get_robot(%L)', 'r'),
    (2, 'select capataz.robot_data(%L, ''input_data'')', 'r'),
    (3, 'select capataz.execution_data(%L, ''error_message'')', 'e'),
    (4, 'select * from capataz.explain_robot(%L)', 'r'),
    (5, 'select capataz.cancel_robot(%L)', 'w'),
    (6, 'select * from capataz.module_health(%L)', 'm'),
    (7, 'select * from capataz.health_history(%L)', 'm'),
    (8, 'select * from capataz.module_activity(%L)', 'm'),
    (9, 'select * from capataz.explain_score(%L)', 'm'),
    (10, 'select * from capataz.submit_robot(''T'', ''{}'', %L)', 'm'),
    (11, 'select * from capataz.claim_robots(%L)', 'm'),
    (12, 'select capataz.release_robots(array[%L])', 'e'),
    (13, 'select capataz.report_progress(%L, 50)', 'e'),
    (14, 'select capataz.retry_step(%L, ''x'')', 'e'),
    (15, 'select capataz.complete_execution(%L)', 'e'),
    (16, 'select capataz.fail_execution(%L, ''x'')', 'e'),
    (17, 'select capataz.heartbeat_worker(''worker-b'', %L)', 'm'),
    (18, 'select capataz.record_health_check(%L, false)', 'm'),
    (19, 'select capataz.record_due_health_check(%L, false)', 'm'),
    (20, 'select capataz.take_rate_token(%L)', 'm'),
    (21, 'select * from capataz.throughput(%L)', 'm'),
    (22, 'select * from capataz.error_rates(%L)', 'm'),
    (23, 'select * from capataz.resource_trend(%L)', 'm'),
    (24, 'select * from capataz.queue_state(%L)', 'm'),
    (25, 'select * from capataz.stuck_executions(%L)', 'm'),
    (26, 'select capataz.input_schema(%L, ''T'')', 'm'),
    (27, 'select * from capataz.queue_forecast(%L)', 'm'),
    (28, 'select * from capataz.robot_timeline(%L)', 'r'),
    (29, 'select * from capataz.latency(%L)', 'm'),
    (30, 'select * from capataz.recent_failures(%L)', 'm'),
    (31, 'select * from capataz.running_executions(%L)', 'm'),
    (32, 'select * from capataz.robot_attempts(%L)', 'r')
) as v (place, call, what);
grant select on attempts to public;

set local role for_test;
select is(capataz_test.outcome(t.call), 'RB403', regexp_replace(t.call, '''[0-9a-f_t]{20,}[^'']*''', '...'))
from attempts as t
order by t.place;

select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T"}, {"robot_type": "T", "module_name": "ForB"}]')$$, 'RB403',
  'robots[1].module_name: module "ForB" is not yours', 'submit_robots names the element'
);
select results_eq(
  format(
    'select error from capataz.complete_executions(%L)',
    jsonb_build_array(jsonb_build_object('execute_id', :'execute_id'), jsonb_build_object('execute_id', 'x'))
  ),
  $$values ('RB403: the execution is not yours'), ('RB404: no execution "x"')$$, 'complete_executions answers per element'
);
select results_eq(
  format(
    'select error from capataz.fail_executions(%L)',
    jsonb_build_array(jsonb_build_object('execute_id', :'execute_id', 'error_message', 'x'))
  ),
  $$values ('RB403: the execution is not yours')$$, 'so does fail_executions'
);
select throws_ok(
  $$select * from capataz.submit_robot('T', '{}', 'ForA', p_cache_key => 'for-key')$$, 'RB403',
  'the cache_key belongs to a module that is not yours', 'a cache key of another module gives nothing away'
);
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T", "cache_key": "for-key"}]')$$, 'RB403',
  'the cache_key belongs to a module that is not yours', 'in bulk neither'
);
select is(capataz.stop_worker('worker-b'), 0, 'a worker of another module is not stopped');
select is((select total from capataz.batch_progress('for-b')), 1::bigint, 'of a batch only the caller''s robots are counted');
select is((select module_name::text from capataz.submit_robot('T')), 'ForA', 'routing stays within');
select is(capataz.route_robot('T'), 'ForA', 'so does route_robot');
select is(
  (select array_agg(module_name::text) from capataz.submit_robots('[{"robot_type": "T"}, {"robot_type": "T", "module_name": "ForA"}]')),
  array['ForA', 'ForA'], 'and bulk routing'
);
select set_eq('select module_name::text from capataz.module_health()', array['ForA'], 'lists show the caller''s modules');
select is_empty('select * from capataz.module_activity() where module_name <> ''ForA''', 'so do minutes');
select throws_ok('select * from capataz.system_health()', 'RB403', 'this shows every module, and you may not reach every module', 'the whole is not shown');
select throws_ok('select capataz.cached(''active_modules'')', 'RB403', 'this shows every module, and you may not reach every module', 'from a cache neither');
select throws_ok('select * from capataz.list_jobs()', 'RB403', 'this shows every module, and you may not reach every module', 'nor jobs');
select throws_ok('select * from capataz.fleet_trend()', 'RB403', 'this shows every module, and you may not reach every module', 'nor the database');
select throws_ok('select * from capataz.cache_statistics()', 'RB403', 'this shows every module, and you may not reach every module', 'nor statistics');
select is((capataz.get_robot(:'my_robot')).module_name::text, 'ForA', 'what is its own it reads');
select is(capataz.report_progress(:'mine', 10)::text, 'RUNNING', 'and reports');
select throws_ok('select capataz.get_robot(''no-such'')', 'RB404', 'no robot "no-such"', 'what does not exist is RB404');
reset role;

select is(
  (select jsonb_agg(r order by r.robot_id) from capataz.robots as r where r.module_name = 'ForB'), (select robots from before),
  'no robot of the other module has changed'
);
select is(
  (select jsonb_agg(e order by e.execute_id) from capataz.robot_execute as e where e.module_name = 'ForB'),
  (select executions from before), 'no execution'
);
select is(
  (select to_jsonb(m) from capataz.module_registry as m where m.module_name = 'ForB'), (select module from before), 'nor the module'
);
select is(
  (select jsonb_agg(w) from capataz_ops.workers as w where w.module_name = 'ForB'), (select workers from before), 'nor its workers'
);
select throws_ok(
  format('update capataz.robots set module_name = ''ForA'' where robot_id = %L', :'robot_id'), 'RB409', null,
  'a running robot does not change modules, whoever asks'
);

select * from finish();
rollback;
