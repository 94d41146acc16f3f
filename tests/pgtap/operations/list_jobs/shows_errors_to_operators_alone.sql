-- What the database said of a job that failed tells of tables and SQL: operators and admins see it, others its SQLSTATE. What
-- Capataz says itself everybody sees who sees jobs.
begin;
select plan(7);
create role jobs_viewer in role capataz_viewer;
create role jobs_producer in role capataz_producer;
create role jobs_operator in role capataz_operator;
update capataz_ops.jobs set last_error = e'42P01: relation "capataz_ops.secret" does not exist\nLINE 1' where job_name = 'trim_windows';
update capataz_ops.jobs set last_error = 'RB400: a setting is not usable' where job_name = 'fold_counters';
update capataz_ops.jobs set last_error = 'stopped after 5 ms' where job_name = 'warm_caches';
select matches((select string_agg(j.last_error, '; ') from capataz.list_jobs() as j), 'secret', 'a superuser sees all');
set local role jobs_viewer;
select is((select string_agg(j.last_error, '; ' order by j.job_name) from capataz.list_jobs() as j),
  'RB400: a setting is not usable; 42P01; stopped after 5 ms', 'a viewer sees no SQL');
reset role;
update capataz_ops.jobs set last_outcome = 'failed' where job_name = 'trim_windows';
set local role jobs_viewer;
select matches(
  (select h.detail from capataz.system_health() as h where h.check_name = 'jobs'), 'trim_windows failed: 42P01$', 'nor in the system''s health'
);
set local role jobs_producer;
select is((select string_agg(j.last_error, '; ' order by j.job_name) from capataz.list_jobs() as j),
  'RB400: a setting is not usable; 42P01; stopped after 5 ms', 'a producer neither');
set local role jobs_operator;
select matches((select string_agg(j.last_error, '; ') from capataz.list_jobs() as j), 'secret', 'an operator does');
reset role;
update capataz_ops.jobs set last_error = null;
select is((select count(j.last_error)::integer from capataz.list_jobs() as j), 0, 'no error, none shown');
set local role jobs_viewer;
select is((select count(j.last_error)::integer from capataz.list_jobs() as j), 0, 'to nobody');
reset role;

select * from finish();
rollback;
