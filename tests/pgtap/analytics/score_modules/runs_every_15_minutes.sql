-- The job: every 15 minutes (specification 5.2), safe twice at once.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 12:00:00');

select results_eq(
  $$select schedule, every_seconds, command from capataz_ops.jobs where job_name = 'score_modules'$$,
  $$values ('*/15 * * * *', 900, 'select capataz.score_modules()')$$,
  'in the catalogue'
);
select capataz_test.module('J') as m \gset
select capataz_test.complete_some('J', 20);
select is(capataz.run_job('score_modules') || capataz.run_job('score_modules'), 'okok', 'it runs, again too');
select is(
  (capataz_test.module_row('J')).last_performance_check, '2026-03-10 12:00:00', 'and computes'
);

select * from finish();
rollback;
