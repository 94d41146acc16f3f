-- The score is the weighted sum of five factors, each from 0 to 1 (ADR 0017); explain_score shows them.
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('S') as m \gset
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status, estimated_duration_minutes)
values ('s-1', 'T', 'S', '{}', 'COMPLETED', 1);
create function pg_temp.import(p_count integer, p_state text, p_at timestamp, p_took interval, p_answer text default null)
  returns void language sql as $$
  insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state, started_at, completed_at, answered_status)
  select gen_random_uuid(), 's-1', 'S', p_state::capataz.execution_state_enum, p_at - p_took, p_at, p_answer::capataz.robot_status_enum
  from generate_series(1, p_count)
$$;
-- one minute was estimated: these took two
select pg_temp.import(20, 'COMPLETED', '2026-03-10 11:00', '2 minutes');
select pg_temp.import(6, 'FAILED', '2026-03-10 11:30', '10 minutes', 'FAILED');
select pg_temp.import(4, 'FAILED', '2026-03-10 11:30', '10 minutes', 'RETRYING');
-- and in the days before they took one
select pg_temp.import(400, 'COMPLETED', '2026-03-06 11:00', '1 minute');
select capataz.fold_counters();

select results_eq(
  $$select factor, round(value, 2), weight from capataz.explain_score('S')$$,
  $$values
    ('success_rate', 0.67, 0.4000),  -- 20 of 30
    ('speed_to_estimate', 0.52, 0.1500),  -- a half, within 5 %
    ('speed_to_week', 0.51, 0.1500),  -- a half again
    ('health', 0.80, 0.2000),
    ('retries', 0.87, 0.1000)  -- 1 - 4/30$$,
  'success, speed, health, retries'
);
select is(capataz.score_modules(), 1, 'one module has another score now');
select is((capataz_test.module_row('S')).performance_score, 0.67, '0.40 x 0.67 + 0.15 x 0.52 + 0.15 x 0.51 + 0.20 x 0.80 + 0.10 x 0.87');
select is((capataz_test.module_row('S')).performance_tier::text, 'LOW', 'a tier of its own');
select is((capataz_test.module_row('S')).last_performance_check, '2026-03-10 12:00:00', 'when it was computed');
select is(
  (select (t.last_scored_at, t.score_samples) from capataz_ops.module_state as t where t.module_name = 'S'),
  (timestamp '2026-03-10 12:00:00', 30::bigint), 'and from how many executions'
);
select is(capataz.score_modules(), 0, 'again: the same score');

update capataz.module_registry set health_status = 'DEGRADED' where module_name = 'S';
select is((select value from capataz.explain_score('S') where factor = 'health'), 0.5, 'DEGRADED counts a half');
update capataz.module_registry set health_status = 'UNHEALTHY' where module_name = 'S';
select is((select value from capataz.explain_score('S') where factor = 'health'), 0::numeric, 'UNHEALTHY nothing');
select capataz.score_modules();
select is((capataz_test.module_row('S')).performance_score, 0.51, '0.20 x 0.80 less');
update capataz.module_registry set health_status = 'HEALTHY' where module_name = 'S';
select is((select value from capataz.explain_score('S') where factor = 'health'), 1::numeric, 'HEALTHY all');

select capataz_test.module('Best') as m \gset
select capataz_test.complete_some('Best', 20, 5);
update capataz.module_registry set health_status = 'HEALTHY' where module_name = 'Best';
select capataz.fold_counters();
select capataz.score_modules();
select is((capataz_test.module_row('Best')).performance_score, 1.00, 'nothing to find fault with');
select is((capataz_test.module_row('Best')).performance_tier::text, 'HIGH', 'the first score gives the tier as it is');

select * from finish();
rollback;
