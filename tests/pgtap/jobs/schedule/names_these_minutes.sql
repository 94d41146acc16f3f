-- Five fields of cron, UTC: minute, hour, day, month, weekday; the first minute after a time. As `capataz tick` reads them (test_trends.py).
begin;
select plan(20);

create function pg_temp.due(p_schedule text, p_after timestamp) returns timestamp language sql as $$ select capataz_ops._next_due(p_schedule, p_after) $$;
select is(pg_temp.due('* * * * *', '2026-03-10 12:00:00'), '2026-03-10 12:01:00', 'every minute: the next one, not this one');
select is(pg_temp.due('* * * * *', '2026-03-10 12:00:59.999999'), '2026-03-10 12:01:00', 'to the microsecond');
select is(pg_temp.due('*/15 * * * *', '2026-03-10 12:45:00'), '2026-03-10 13:00:00', 'every quarter');
select is(pg_temp.due('2 * * * *', '2026-03-10 12:01:59'), '2026-03-10 12:02:00', 'once an hour');
select is(pg_temp.due('12 3 * * *', '2026-03-10 03:12:00'), '2026-03-11 03:12:00', 'once a day');
select is(pg_temp.due('0 6 * * 1', '2026-03-10 12:00:00'), '2026-03-16 06:00:00', 'on Mondays');
select is(pg_temp.due('0 6 * * 7', '2026-03-10 12:00:00'), '2026-03-15 06:00:00', '7 is Sunday');
select is(pg_temp.due('0 6 * * 0', '2026-03-10 12:00:00'), '2026-03-15 06:00:00', 'and so is 0');
select is(pg_temp.due('0 6 1 * *', '2026-12-10 12:00:00'), '2027-01-01 06:00:00', 'on the first of the month');
select is(pg_temp.due('0 0 29 2 *', '2026-03-01 00:00:00'), '2028-02-29 00:00:00', 'in leap years');
select is(pg_temp.due('0 0 31 2 *', '2026-03-01 00:00:00'), null, 'never');
select is(pg_temp.due('0 0 13 * 5', '2026-03-10 12:00:00'), '2026-03-13 00:00:00', 'a day or a weekday: the 13th');
select is(pg_temp.due('0 0 13 * 5', '2026-03-13 12:00:00'), '2026-03-20 00:00:00', 'or a Friday');
select is(pg_temp.due('5,35 8-10 * * 1-5', '2026-03-13 10:35:00'), '2026-03-16 08:05:00', 'lists and ranges');
select is(pg_temp.due('10-50/20 * * * *', '2026-03-13 10:31:00'), '2026-03-13 10:50:00', 'steps of a range');
select throws_ok($$select pg_temp.due('* * * *', '2026-03-10')$$, 'RB400', 'a schedule has five fields', 'four fields');
select throws_ok($$select pg_temp.due('60 * * * *', '2026-03-10')$$, 'RB400', 'minute of the schedule is not usable', 'no such minute');
select throws_ok($$select pg_temp.due('* * * JAN *', '2026-03-10')$$, 'RB400', 'month of the schedule is not usable', 'names are not understood');
select throws_ok($$select pg_temp.due('*/0 * * * *', '2026-03-10')$$, 'RB400', 'minute of the schedule is not usable', 'no step');
select throws_ok($$select capataz_ops._define_job('fold_counters', 'now and then', 60, 'no')$$, 'RB400', null, 'no job is defined with what is no schedule');

select * from finish();
rollback;
