-- The catalogue against the three jobs of the foundation: schedule, command, a function that exists and takes no arguments.
begin;
select plan(6);

select set_eq(
  $$select job_name::text, schedule, every_seconds, command from capataz_ops.jobs
    where job_name in ('expire_executions', 'find_stragglers', 'fold_counters')$$,
  $$values ('expire_executions', '* * * * *', 60, 'select capataz.expire_executions()'), ('find_stragglers', '* * * * *', 60, 'select capataz.find_stragglers()'),
    ('fold_counters', '* * * * *', 60, 'select capataz.fold_counters()')$$, 'every minute, one function call each'
);
select is_empty(
  $$select j.job_name from capataz_ops.jobs as j
    where not exists (
      select from pg_proc as p
      where p.pronamespace = 'capataz'::regnamespace and p.proname = j.job_name and p.pronargs = p.pronargdefaults
    )$$, 'every job is a public function that needs no argument'
);
select is_empty(
  $$select job_name from capataz_ops.jobs where description = '' or command !~ '^select capataz\.[a-z_]+\(\)$'$$,
  'each is described and is one call'
);
select is_empty(
  $$select job_name from capataz_ops.jobs where capataz_test.outcome(command) <> 'ok'$$, 'each command runs'
);
select lives_ok(
  $$select capataz_ops._define_job('fold_counters', '*/2 * * * *', 120, 'Twice as seldom.')$$, 'defining a job again is fine'
);
select results_eq(
  $$select schedule, every_seconds, description from capataz_ops.jobs where job_name = 'fold_counters'$$, $$values ('*/2 * * * *', 120, 'Twice as seldom.')$$, 'and changes it'
);

select * from finish();
rollback;
