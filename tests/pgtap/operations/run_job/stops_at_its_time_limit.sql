-- A job that takes too long ends as failed: timeout, is undone, and shows; one that somebody stops by hand raises.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

set local role capataz_owner;
create function capataz.slow_job() returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into capataz_ops.findings (check_name, subject, detail) values ('slow', 'slow', 'to be undone');
  perform pg_sleep(30);
  return 1;
end
$$;
create function capataz.stopped_job() returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise query_canceled;  -- what pg_cancel_backend does
  return 1;
end
$$;
reset role;
select capataz_ops._define_job('slow_job', '* * * * *', 60, 'sleeps', 1);
select capataz_ops._define_job('stopped_job', '* * * * *', 60, 'is stopped', 1);
select is((select timeout_seconds from capataz_ops.jobs where job_name = 'slow_job'), 1, 'a job has a time limit');
set local client_min_messages = error;
set local statement_timeout = '300ms';
select is(capataz.run_job('slow_job'), 'failed: timeout', 'it is stopped');
set local statement_timeout = 0;
select results_eq(
  $$select last_outcome, last_error ~ '^stopped after [0-9]+ ms$', failure_count from capataz_ops.jobs where job_name = 'slow_job'$$,
  $$values ('failed: timeout', true, 1::bigint)$$, 'and recorded'
);
select is_empty($$select from capataz_ops.findings where check_name = 'slow'$$, 'what it had done is undone');
select matches(
  (select status || ' ' || detail from capataz.system_health() where check_name = 'jobs'),
  '^CRITICAL.*slow_job failed: stopped after', 'it shows in the system''s health'
);
create function pg_temp.run() returns text language plpgsql as $$
begin
  return capataz.run_job('stopped_job');
exception
  when query_canceled then return sqlstate;
end
$$;
select is(pg_temp.run(), '57014', 'whoever stops it by hand stops the call');
select is((select last_outcome from capataz_ops.jobs where job_name = 'stopped_job'), null, 'which is no outcome');

select * from finish();
rollback;
