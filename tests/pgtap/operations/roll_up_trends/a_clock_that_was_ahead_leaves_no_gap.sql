-- The clock was two days ahead for an hour and was set back: the hours of today are rolled up all the same (ADR 0024).
begin;
select plan(6);
select capataz_test.module('A') as m \gset
create function pg_temp.sample(p_from timestamp, p_count integer) returns void language plpgsql as $$
begin
  for i in 0..p_count - 1 loop
    perform capataz_test.set_clock(p_from + i * interval '10 minutes'), capataz.sample_resources();
  end loop;
end
$$;
select pg_temp.sample('2026-03-10 08:00:00', 6);
select pg_temp.sample('2026-03-12 08:00:00', 7);
select capataz_test.set_clock('2026-03-12 09:10:00');
select is(capataz.roll_up_trends(), 2, 'an hour of today, and one of the day after tomorrow');
select pg_temp.sample('2026-03-10 09:00:00', 12);
select capataz_test.set_clock('2026-03-10 11:05:00');
select results_eq(
  $$select sample_count from capataz.fleet_trend('2026-03-10 08:00', '2026-03-10 11:00', 3600)$$, 'values (6::bigint), (6), (6)',
  'minutes stand for hours that are not there yet'
);
select is(capataz.roll_up_trends(), 2, 'the hours after the clock was set back');
select results_eq(
  $$select sample_count from capataz.fleet_trend('2026-03-10 08:00', '2026-03-10 11:00', 3600)$$, 'values (6::bigint), (6), (6)',
  'nothing is missing, or counted twice'
);
select results_eq(
  $$select sample_count from capataz.resource_trend(null, '2026-03-10 08:00', '2026-03-10 11:00', 3600)$$,
  'values (6::bigint), (6), (6)', 'nor in the queues'
);
select is(capataz.roll_up_trends(), 0, 'once');
select * from finish();
rollback;
