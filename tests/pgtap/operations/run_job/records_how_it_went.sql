-- ok, failed or skipped, recorded in the catalogue, whoever calls; an error of the job is recorded, not raised.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select is(capataz.run_job('fold_counters'), 'ok', 'a job runs');
select results_eq(
  $$select last_outcome, last_error, last_start_at, last_duration_ms >= 0 from capataz_ops.jobs where job_name = 'fold_counters'$$,
  $$values ('ok', null::text, '2026-03-10 12:00'::timestamp, true)$$, 'and is recorded'
);
set local role capataz_owner;
create function capataz.broken_job() returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$ begin raise exception 'on purpose'; end $$;
reset role;
insert into capataz_ops.jobs (job_name, schedule, every_seconds, command, description) values ('broken_job', '* * * * *', 60, 'select capataz.broken_job()', 'breaks');
set local client_min_messages = error;
select is(capataz.run_job('broken_job'), 'failed', 'a job that breaks');
reset client_min_messages;
select results_eq(
  $$select last_outcome, last_error, run_count, failure_count from capataz_ops.jobs where job_name = 'broken_job'$$, $$values ('failed', 'P0001: on purpose', 1::bigint, 1::bigint)$$, 'is recorded with its error'
);
select matches(
  (select status || detail from capataz.system_health() where check_name = 'jobs'),
  '^CRITICAL.*broken_job failed: P0001: on purpose', 'and shows in the system''s health'
);
select throws_ok($$select capataz.run_job('nobody')$$, 'RB404', 'no job "nobody"', 'unknown');
select throws_ok('select capataz.run_job(null)', 'RB400', 'job_name is required', 'null');
select throws_ok(
  $$select capataz.run_job('fold_counters(); drop table capataz.robots')$$, 'RB404', null,
  'a fragment of SQL is an unknown job'
);

select * from finish();
rollback;
