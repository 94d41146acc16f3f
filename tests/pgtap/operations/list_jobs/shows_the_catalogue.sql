-- Each job with schedule, owner, limit, last run, next due; late once it should have run by far; not for those who may not see the whole.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

update capataz_ops.jobs set next_due_at = capataz.utc_now() + make_interval(secs => every_seconds), last_outcome = null, last_error = null;
select set_eq(
  'select job_name::text from capataz.list_jobs()', 'select job_name::text from capataz_ops.jobs', 'every job has a row'
);
select is_empty(
  $$select job_name from capataz.list_jobs() where coalesce(job_owner, '') = '' or timeout_seconds < 60 or schedule !~ '^(\S+ ){4}\S+$'$$,
  'with owner, time limit and schedule'
);
select set_has(
  'select job_name::text, schedule from capataz.list_jobs()',
  $$values ('sample_resources', '* * * * *'), ('roll_up_trends', '2 * * * *'), ('trim_windows', '12 3 * * *'),
    ('validate_consistency', '32 3 * * *'), ('purge_history', '* * * * *'), ('score_modules', '*/15 * * * *'), ('evaluate_health', '*/5 * * * *')$$,
  'scores every 15 minutes, health every 5, samples every minute, the daily ones at night'
);
select is_empty('select job_name from capataz.list_jobs() where is_due or is_late', 'none is due');
select capataz_test.advance('61 seconds');
select ok((select is_due and not is_late from capataz.list_jobs() where job_name = 'fold_counters'), 'due, not late');
select capataz_test.advance('3 minutes');
select ok((select is_late from capataz.list_jobs() where job_name = 'fold_counters'), 'two more minutes and more: late');
select ok((select not is_due from capataz.list_jobs() where job_name = 'trim_windows'), 'the daily ones wait');
select capataz_test.advance('25 hours 30 minutes');
select ok((select is_late from capataz.list_jobs() where job_name = 'trim_windows'), 'and are late after an hour');
select capataz_test.module('Tied') as m \gset
create role capataz_test_tied;
grant capataz_worker to capataz_test_tied;
select capataz.grant_module('Tied', 'capataz_test_tied');
set local role capataz_test_tied;
select throws_ok('select * from capataz.list_jobs()', 'RB403', null, 'not for those who reach some modules only');
reset role;

select * from finish();
rollback;
