-- What runs is measured by its promise, by what it says of itself, and by when it was first due (ADR 0025).
begin;
select plan(12);
select capataz_test.set_clock('2026-03-10 12:00:00');

-- nothing has ended yet: one that runs tells no pace
select capataz_test.module('New') as m \gset
select capataz_test.robots('New', 3);
select capataz.claim_robots('New');
select results_eq(
  $$select empty_at, done_at, busy, basis from capataz.queue_forecast('New')$$,
  $$values (null::timestamp, null::timestamp, null::numeric, 'nothing has ended in 7 days')$$, 'nothing is known'
);
select results_eq(
  $$select waiting, in_flight from capataz.queue_forecast('New')$$, 'values (2::bigint, 1::bigint)', 'but how many there are'
);

-- a retried robot keeps the promise it had
select capataz_test.module('R', '{"sla_seconds": 60}') as m \gset
select capataz_test.complete_some('R', 5, 1000);
select s.robot_id as r from capataz.submit_robot('T', '{}', 'R') as s \gset
select capataz_test.advance('10 minutes');
select c.execute_id as e from capataz.claim_robots('R') as c \gset
select results_eq(
  $$select late_count, late_robot_ids from capataz.queue_forecast('R')$$, format($$values (1::bigint, array[%L])$$, :'r'),
  'past its promise while it runs'
);
select capataz.fail_execution(:'e', 'x');
select capataz_test.advance('1 minute');
select is((select late_count from capataz.queue_forecast('R')), 1::bigint, 'while it waits for its retry');
select c.execute_id as e from capataz.claim_robots('R') as c \gset
select is((select late_count from capataz.queue_forecast('R')), 1::bigint, 'and when it runs again');
select capataz.complete_execution(:'e');
select is((select late_count from capataz.queue_forecast('R')), 0::bigint, 'no more once it is done');

-- one that is slow says so
select capataz_test.module('S') as m \gset
select capataz_test.complete_some('S', 40, 90000);
select s.robot_id as r from capataz.submit_robot(
  'T', '{}', 'S', p_metadata => jsonb_build_object('due_at', to_char(capataz.utc_now() + interval '1000 seconds', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
) as s \gset
select c.execute_id as e from capataz.claim_robots('S') as c \gset
select capataz_test.advance('80 seconds');
select is((select late_count from capataz.queue_forecast('S')), 0::bigint, 'in time by the mean');
select capataz_test.advance('820 seconds');
select is((select late_count from capataz.queue_forecast('S')), 0::bigint, 'past the mean nothing is known of it');
select capataz.report_progress(:'e', 10);
select results_eq(
  $$select late_count, late_robot_ids from capataz.queue_forecast('S')$$, format($$values (1::bigint, array[%L])$$, :'r'),
  'its progress says that it will be late'
);
select cmp_ok(
  (select done_at from capataz.queue_forecast('S')), '>=', capataz.utc_now() + interval '8000 seconds',
  'and no speed of the module makes one attempt quicker'
);
select capataz.report_progress(:'e', 99);
select is((select late_count from capataz.queue_forecast('S')), 0::bigint, 'nearly done: in time');
select cmp_ok(
  (select done_at from capataz.queue_forecast('S')), '<', capataz.utc_now() + interval '60 seconds', 'and soon'
);
select * from finish();
rollback;
