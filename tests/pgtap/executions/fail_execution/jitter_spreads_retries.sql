-- jitter 0.5 spreads the delay over half to one and a half of it.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('J2', '{"retry_policy": {"jitter": 0.5, "base_seconds": 100}, "failure_threshold": 1000}') as m \gset
select capataz_test.robots('J2', 60);
select count(
  *) from capataz.fail_executions((select jsonb_agg(jsonb_build_object('execute_id', execute_id, 'error_message', 'x')) from capataz.claim_robots('J2', 60))
);
select ok(
  (select bool_and(available_at - capataz.utc_now() between interval '50 s' and interval '150 s') from capataz.robots where module_name = 'J2'), 'all within the range'
);
select cmp_ok((select count(distinct available_at)::integer from capataz.robots where module_name = 'J2'), '>', 50, 'and spread');

select * from finish();
rollback;
