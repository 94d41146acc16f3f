-- An UNHEALTHY module gets its first probe after a cool-down; a failed probe makes it longer (ADR 0016).
begin;
select plan(15);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('K', '{"failure_threshold": 2, "breaker": {"cooldown_seconds": 10, "factor": 3, "max_seconds": 60}}') as m \gset
select capataz_test.robots('K', 20, '{"retry_limit": 0}');
create temporary table c on commit drop as select * from capataz.claim_robots('K', 5);
select count(*) from capataz.fail_executions((
  select jsonb_agg(jsonb_build_object('execute_id', execute_id, 'error_message', 'x')) from (select * from c limit 2) as f
));
select is((capataz_test.module_row('K')).health_status::text, 'UNHEALTHY', 'open');
select is_empty($$select * from capataz.claim_robots('K')$$, 'nothing at once');

-- three were in flight: they fail too, and lengthen nothing
select capataz_test.advance('1 second');
select count(*) from capataz.fail_executions((
  select jsonb_agg(jsonb_build_object('execute_id', execute_id, 'error_message', 'x')) from (select * from c offset 2) as f
));
select is((capataz_test.module_row('K')).consecutive_failures, 5, 'five in a row');
select is(
  (select probe_after from capataz_ops.module_state where module_name = 'K'), '2026-03-10 12:00:10'::timestamp,
  'the cool-down is what it was'
);
select ok(
  (select detail ~ 'no probe before 2026-03-10 12:00:10 UTC' from capataz.explain_robot(
    (select robot_id from capataz.robots where module_name = 'K' and status = 'PENDING' limit 1)
  ) where check_name = 'module_health'), 'explain_robot says so'
);

select capataz_test.set_clock('2026-03-10 12:00:09.999');
select is_empty($$select * from capataz.claim_robots('K')$$, 'not yet');
select capataz_test.set_clock('2026-03-10 12:00:10');
truncate c;
insert into c select * from capataz.claim_robots('K', 5);
select is((select count(*)::integer from c), 1, 'the first probe');
select capataz.fail_execution((select execute_id from c), 'y');
select is(
  (select probe_after from capataz_ops.module_state where module_name = 'K'), '2026-03-10 12:00:40'::timestamp, 'times 3'
);
select capataz_test.set_clock('2026-03-10 12:00:40');
truncate c;
insert into c select * from capataz.claim_robots('K', 5);
select capataz.fail_execution((select execute_id from c), 'y');
select is(
  (select probe_after from capataz_ops.module_state where module_name = 'K'), '2026-03-10 12:01:40'::timestamp,
  'but at most max_seconds'
);

-- a probe that is handed back gives way to the next at once
select capataz_test.set_clock('2026-03-10 12:01:40');
truncate c;
insert into c select * from capataz.claim_robots('K', 5);
select capataz.release_robots(array[(select execute_id from c)]);
truncate c;
insert into c select * from capataz.claim_robots('K', 5);
select is((select count(*)::integer from c), 1, 'handed back: no failure, no longer cool-down');
select capataz.complete_execution((select execute_id from c));
select is((capataz_test.module_row('K')).health_status::text, 'HEALTHY', 'closed');
select results_eq(
  $$select opened_by, cooldown_seconds, probe_after from capataz_ops.module_state where module_name = 'K'$$,
  $$values (null::text, null::double precision, null::timestamp)$$, 'nothing is left of it'
);
select is((select count(*)::integer from capataz.claim_robots('K', 5)), 5, 'all work flows again');
select capataz_test.fail_some('K', 0);
select is(
  (select count(*)::integer from capataz_ops.health_changes where module_name = 'K'), 2, 'two changes of health'
);
select is(
  (select reason from capataz_ops.health_changes where module_name = 'K' order by change_id limit 1),
  '2 executions failed in a row: x', 'and the reason'
);

select * from finish();
rollback;
