-- What was forecast is stored and compared with what came.
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('M') as m \gset
select is(capataz.store_forecasts(), 0, 'nothing waits: nothing is stored');
select capataz_test.complete_some('M', 40, 10000);
select capataz_test.robots('M', 30);
select is(capataz.store_forecasts(), 1, 'a forecast of the module');
select is((select forecast_at from capataz.queue_forecast()), capataz.utc_now(), 'which is shown for all modules');
-- 400 s, where 300 were forecast
select capataz_test.advance('400 seconds');
select capataz.cancel_robot(robot_id) is not null from capataz.robots where status = 'PENDING';
select is(capataz.store_forecasts(), 0, 'nothing waits any more');
select results_eq(
  'select round(forecast_seconds), actual_seconds from capataz_ops.queue_forecasts', 'values (300::double precision, 400::double precision)',
  'the backlog was empty later than forecast'
);
select results_eq(
  $$select past_count, past_error from capataz.queue_forecast('M')$$, 'values (1::bigint, 25.0)', 'by 25 %'
);

-- jobs stand still for three hours: when the backlog was empty nobody knows
select capataz_test.robots('M', 30);
select capataz.sample_resources();
select capataz.store_forecasts();
select capataz_test.advance('1 minute');
select capataz.cancel_robot(robot_id) is not null from capataz.robots where status = 'PENDING';
select capataz_test.advance('3 hours');
select capataz.sample_resources();
select capataz.store_forecasts();
select results_eq(
  'select ended_at is not null, actual_seconds from capataz_ops.queue_forecasts order by made_at desc limit 1',
  'values (true, null::double precision)', 'a gap is not compared'
);
select is((select past_count from capataz.queue_forecast('M')), 1::bigint, 'and counts nowhere');

-- what was stored while the clock was ahead is not shown
select capataz_test.robots('M', 1);
select capataz_test.advance('2 days');
select capataz.store_forecasts();
select capataz_test.advance('-2 days');
select cmp_ok((select forecast_at from capataz.queue_forecast()), '<=', capataz.utc_now(), 'made by now');

select capataz.cancel_robot(robot_id) is not null from capataz.robots where status = 'PENDING';
select capataz_test.advance('100 days');
select capataz.store_forecasts();
select is((select count(*)::integer from capataz_ops.queue_forecasts), 0, 'after 90 days it goes');
select * from finish();
rollback;
