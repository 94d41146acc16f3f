-- HIGH from 0.90, MEDIUM from 0.70, LOW from 0.40; to leave a tier a score passes its boundary by 0.03.
begin;
select plan(7);

select results_eq(
  $$select s::numeric, capataz_ops._performance_tier(s, null)::text
    from unnest(array[1, 0.90, 0.89, 0.70, 0.69, 0.40, 0.39, 0]) as s$$,
  $$values (1, 'HIGH'), (0.90, 'HIGH'), (0.89, 'MEDIUM'), (0.70, 'MEDIUM'), (0.69, 'LOW'), (0.40, 'LOW'), (0.39, 'CRITICAL'),
    (0::numeric, 'CRITICAL')$$,
  'the boundaries'
);
select results_eq(
  $$select was::text, s, capataz_ops._performance_tier(s, was)::text
    from (
      values
        (1, 'HIGH', 0.87), (2, 'HIGH', 0.86), (3, 'MEDIUM', 0.92), (4, 'MEDIUM', 0.93), (5, 'MEDIUM', 0.67), (6, 'MEDIUM', 0.66),
        (7, 'LOW', 0.72), (8, 'LOW', 0.73), (9, 'LOW', 0.37), (10, 'LOW', 0.36), (11, 'CRITICAL', 0.42), (12, 'CRITICAL', 0.43)
    ) as v (place, tier, s)
    cross join lateral (select v.tier::capataz.performance_tier_enum as was) as t
    order by v.place$$,
  $$values
    ('HIGH', 0.87, 'HIGH'), ('HIGH', 0.86, 'MEDIUM'), ('MEDIUM', 0.92, 'MEDIUM'), ('MEDIUM', 0.93, 'HIGH'),
    ('MEDIUM', 0.67, 'MEDIUM'), ('MEDIUM', 0.66, 'LOW'), ('LOW', 0.72, 'LOW'), ('LOW', 0.73, 'MEDIUM'), ('LOW', 0.37, 'LOW'),
    ('LOW', 0.36, 'CRITICAL'), ('CRITICAL', 0.42, 'CRITICAL'), ('CRITICAL', 0.43, 'LOW')$$,
  'a tier is left where the score passes its boundary by 0.03'
);
select results_eq(
  $$select was::text, s, capataz_ops._performance_tier(s, was::capataz.performance_tier_enum)::text
    from (values ('HIGH', 0.10), ('CRITICAL', 0.95), ('LOW', 0.91), ('MEDIUM', 0.39)) as v (was, s)$$,
  $$values ('HIGH', 0.10, 'CRITICAL'), ('CRITICAL', 0.95, 'HIGH'), ('LOW', 0.91, 'HIGH'), ('MEDIUM', 0.39, 'CRITICAL')$$,
  'a leap goes where the score is'
);
select is_empty(
  $$select t, s
    from unnest(array[null, 'HIGH', 'MEDIUM', 'LOW', 'CRITICAL']::capataz.performance_tier_enum[]) as t
    cross join generate_series(0, 1, 0.01) as s
    where capataz_ops._performance_tier(s, t) is null
      or capataz_ops._performance_tier(s, capataz_ops._performance_tier(s, t)) <> capataz_ops._performance_tier(s, t)$$,
  'every score has a tier, and stays in it'
);

-- 480 walks of 60 scores within 0.02 of a boundary, from any tier
select setseed(0.25);
create function pg_temp.changes(p_boundary numeric, p_tier capataz.performance_tier_enum) returns integer language plpgsql as $$
declare
  v_tier capataz.performance_tier_enum := p_tier;
  v_next capataz.performance_tier_enum;
  v_changes integer := 0;
begin
  for i in 1..60 loop
    v_next := capataz_ops._performance_tier(round(p_boundary + (random() * 0.04 - 0.02)::numeric, 2), v_tier);
    v_changes := v_changes + (v_next is distinct from v_tier)::integer;
    v_tier := v_next;
  end loop;
  return v_changes;
end
$$;
select is(
  (select max(pg_temp.changes(b, t))
   from unnest(array[0.90, 0.70, 0.40]) as b
   cross join unnest(enum_range(null::capataz.performance_tier_enum)) as t
   cross join generate_series(1, 40)),
  1, 'a score that wanders within 0.02 of a boundary changes the tier at most once'
);

-- the same through the job
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('W', '{"min_success_rate": 0}') as m \gset
update capataz.module_registry set health_status = 'HEALTHY' where module_name = 'W';
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status) values ('w-1', 'T', 'W', '{}', 'COMPLETED');
create function pg_temp.score(p_failed integer) returns text language plpgsql as $$
begin
  delete from capataz.robot_execute where module_name = 'W';
  insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state, started_at, completed_at)
  select gen_random_uuid(), 'w-1', 'W', case when i <= p_failed then 'FAILED' else 'COMPLETED' end::capataz.execution_state_enum, now, now
  from generate_series(1, 200) as i
  cross join capataz.utc_now() as now;
  perform capataz.fold_counters();
  perform capataz.score_modules();
  return concat_ws(' ', (capataz_test.module_row('W')).performance_score, (capataz_test.module_row('W')).performance_tier);
end
$$;
select is(
  array[pg_temp.score(60), pg_temp.score(40), pg_temp.score(60), pg_temp.score(70), pg_temp.score(40), pg_temp.score(30)],
  array['0.88 MEDIUM', '0.92 MEDIUM', '0.88 MEDIUM', '0.86 MEDIUM', '0.92 MEDIUM', '0.94 HIGH'], 'upwards'
);
select is(
  array[pg_temp.score(60), pg_temp.score(40), pg_temp.score(60), pg_temp.score(70), pg_temp.score(40)],
  array['0.88 HIGH', '0.92 HIGH', '0.88 HIGH', '0.86 MEDIUM', '0.92 MEDIUM'], 'and downwards'
);

select * from finish();
rollback;
