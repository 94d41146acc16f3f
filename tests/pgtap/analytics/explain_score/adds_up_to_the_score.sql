-- The contributions add up to what score_modules would write now, for modules of every kind.
begin;
select plan(4);
select capataz_test.set_clock('2026-03-10 12:00:00');

-- 60 modules with whatever figures
select setseed(0.25);
create function pg_temp.module(p_number integer) returns void language plpgsql as $$
declare
  v_name constant text := 'X' || p_number;
begin
  perform capataz_test.module(v_name);
  update capataz.module_registry as m
  set health_status = (enum_range(null::capataz.module_health_enum))[1 + p_number % 4],
      performance_score = round(random()::numeric, 2)
  where m.module_name = v_name;
  insert into capataz_ops.module_deltas (module_name, minute, completed_count, failed_count, retried_count, durations, efficiencies)
  select
    v_name, '2026-03-10 12:00'::timestamp - random() * interval '1 day', r.n, r.n / 4, r.n / 5,
    array(select (random() * 5000)::integer from generate_series(1, r.n)),
    array(select (random() * 100)::smallint from generate_series(1, r.n))
  from (select (random() * p_number)::integer as n from generate_series(1, 3)) as r;
end
$$;
select pg_temp.module(i) from generate_series(1, 60) as i;
select capataz.fold_counters();
create temporary table explained on commit drop as
select m.module_name, round(sum(f.contribution), 2) as score, sum(f.weight) as weights, bool_or(f.factor = 'kept_score') as is_kept
from capataz.module_registry as m
cross join lateral capataz.explain_score(m.module_name) as f
where m.module_name ~ '^X'
group by m.module_name;
select capataz.score_modules();
select is_empty(
  $$select module_name, e.score, m.performance_score from explained as e join capataz.module_registry as m using (module_name)
    where e.score <> m.performance_score$$,
  'they add up to the score'
);
select is_empty($$select * from explained where weights not between 0.9998 and 1.0002$$, 'the weights add up to 1');
select isnt_empty($$select * from explained where is_kept$$, 'with too few executions');
select isnt_empty($$select * from explained where not is_kept$$, 'and with enough');

select * from finish();
rollback;
