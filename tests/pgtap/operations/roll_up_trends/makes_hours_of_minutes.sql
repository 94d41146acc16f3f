-- Hours: means over the samples of the hour (minutes without a row were idle), maxima, how many samples; whatever was not rolled up yet.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
create function pg_temp.sample(p_count integer) returns void language plpgsql as $$
begin
  for i in 1..p_count loop perform capataz.sample_resources(); perform capataz_test.advance('1 minute'); end loop;
end $$;
select capataz_test.robots('A', 6);
select pg_temp.sample(10);
select count(*) from capataz.claim_robots('A', 6);
select pg_temp.sample(10);
select capataz.complete_executions((select jsonb_agg(jsonb_build_object('execute_id', execute_id)) from capataz.robot_execute where module_name = 'A'));
select pg_temp.sample(10);
select is(capataz.roll_up_trends(), 0, 'an hour under way is left alone');
select capataz_test.set_clock('2026-03-10 15:20:00');
select pg_temp.sample(5);
select is(capataz.roll_up_trends(), 1, 'one hour is over and has samples');
select results_eq(
  $$select hour, sample_count, round(pending[2]::numeric, 3), waiting_max, round(in_flight::numeric, 3), in_flight_max, oldest_due_seconds
    from capataz_ops.module_trend_hours where module_name = 'A'$$,
  $$values ('2026-03-10 12:00'::timestamp, 30, 2.000, 6, 2.000, 6, 540)$$, 'means over its 30 samples, and maxima'
);
select is((select sample_count from capataz_ops.fleet_trend_hours where hour = '2026-03-10 12:00'), 30, 'the database too');
select is(capataz.roll_up_trends(), 0, 'nothing is rolled up twice');
select capataz_test.set_clock('2026-03-12 00:30:00');
select is(capataz.roll_up_trends(), 1, 'days later: what was left');
select is((select max(hour) from capataz_ops.fleet_trend_hours), '2026-03-10 15:00:00'::timestamp, 'hours without samples stay gaps');
select is((select sample_count from capataz_ops.module_trend_hours where module_name = '' and hour = '2026-03-10 15:00'), 5, 'idle hours have their sum');

select * from finish();
rollback;
