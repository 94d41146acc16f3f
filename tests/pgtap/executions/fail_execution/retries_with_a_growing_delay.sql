-- RETRYING while retries are left, due after base x factor ^ retries, capped; then FAILED (design 6). The fixture has no jitter.
begin;
select plan(4);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('I', '{"retry_policy": {"jitter": 0, "base_seconds": 10, "factor": 3, "max_seconds": 50}, "failure_threshold": 100}') as m \gset
select robot_id as r from capataz.submit_robot('T', p_module_name => 'I', p_retry_limit => 4) \gset
create temporary table told (attempt integer, answer text, delay interval) on commit drop;
do $$
declare
  v_claim record;
  v_answer text;
begin
  for i in 1..5 loop
    select c.* into v_claim from capataz.claim_robots('I') as c;
    v_answer := capataz.fail_execution(v_claim.execute_id, 'failure ' || i, 'EXTERNAL_API', '{"http": 503}', 'line 1');
    insert into told
    select v_claim.attempt, v_answer, r.available_at - capataz.utc_now() from capataz.robots as r where r.robot_id = v_claim.robot_id;
    perform capataz_test.advance('1 hour');
  end loop;
end
$$;
select results_eq(
  'select * from told order by attempt',
  $$values (1, 'RETRYING', interval '10 s'), (2, 'RETRYING', interval '30 s'), (3, 'RETRYING', interval '50 s'), (4, 'RETRYING', interval '50 s'),
    (5, 'FAILED', interval '-1 h' + interval '50 s')$$, 'four retries, then FAILED: retry_limit 4 is five attempts'
);
select results_eq(
  format('select status::text, retry_count, error_category::text, error_details, last_error_at from capataz.robots where robot_id = %L', :'r'),
  $$values ('FAILED', 4, 'EXTERNAL_API', '{"type": "EXTERNAL_API", "message": "failure 5", "http": 503}'::jsonb, '2026-03-10 16:00'::timestamp)$$, 'the last error is kept'
);
select results_eq(
  format('select error_message, error_category::text, error_stack_trace from capataz.robot_execute where robot_id = %L order by started_at', :'r'),
  $$select 'failure ' || i, 'EXTERNAL_API', 'line 1' from generate_series(1, 5) as i$$, 'each attempt has its own'
);
select is_empty($$select * from capataz.claim_robots('I')$$, 'a FAILED robot is not claimed');

select * from finish();
rollback;
