-- What ended per module and hour, before and after the fold; hours in which nothing ended are left out.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('A') as m \gset
select capataz_test.module('B') as m \gset

select capataz_test.complete_some('A', 3);
select capataz_test.fail_some('A', 1);
select capataz_test.advance('2 hours');
select capataz_test.fail_some('B', 2);
create function pg_temp.shown() returns text[] language sql as $$
  select array_agg(concat_ws('/', e.module_name, to_char(e.hour, 'HH24'), e.completed_count, e.failed_count, e.error_rate))
  from capataz.errors_by_hour() as e
$$;
select is(pg_temp.shown(), '{A/12/3/1/25.00,B/14/0/2/100.00}', 'before the fold');
select capataz.fold_counters();
select is(pg_temp.shown(), '{A/12/3/1/25.00,B/14/0/2/100.00}', 'after the fold');
select is((select count(*)::integer from capataz.errors_by_hour(1)), 1, 'the hour under way alone');
select throws_ok('select * from capataz.errors_by_hour(0)', 'RB400', 'hours is out of range', 'no hours');

create role capataz_test_tied;
grant capataz_worker to capataz_test_tied;
select capataz.grant_module('B', 'capataz_test_tied');
set local role capataz_test_tied;
select is(pg_temp.shown(), '{B/14/0/2/100.00}', 'who reaches some modules sees these');
reset role;

select * from finish();
rollback;
