-- Every COMPLETED execution is in the histograms of its hour once: durations in ms, efficiency in hundredths (ADR 0017).
begin;
select plan(12);
select capataz_test.set_clock('2026-03-10 12:00:00');

create function pg_temp.shown(p_module text) returns text language sql as $$
  select string_agg(
    format('%s %s %s %s:%s', h.measure, h.period, to_char(h.period_start, 'DD HH24'), h.bucket, h.bucket_count), ', '
    order by h.measure, h.period, h.period_start, h.bucket
  )
  from capataz_ops.module_histograms as h
  where h.module_name = p_module and h.bucket_count <> 0
$$;
select capataz_test.module('H') as m \gset
select capataz_test.complete_some('H', 2, 100);
select capataz_test.complete_some('H', 1, 0);
select capataz_test.fail_some('H', 1);
select capataz.cancel_robot(r.robot_id) from capataz_test.robot('H') as r (robot_id);
select capataz.fold_counters();
select is(pg_temp.shown('H'), 'duration hour 10 12 0:1, duration hour 10 12 49:2, efficiency hour 10 12 49:3', 'what COMPLETED, and nothing else');
select capataz.fold_counters();
select is(pg_temp.shown('H'), 'duration hour 10 12 0:1, duration hour 10 12 49:2, efficiency hour 10 12 49:3', 'once');

-- efficiency
select capataz_test.running('H', p_estimated_minutes => 1) as e \gset
select capataz_test.advance('2 hours');
update capataz.robot_execute set timeout_seconds = 10000 where execute_id = :'e';
select capataz.complete_execution(:'e');
select capataz.fold_counters();
select is(
  pg_temp.shown('H'),
  'duration hour 10 12 0:1, duration hour 10 12 49:2, duration hour 10 14 166:1, efficiency hour 10 12 49:3, efficiency hour 10 14 1:1',
  'in the hour it ended; a minute estimated, two hours needed: 1 of 100'
);

-- imports, bulk calls and plain SQL
select capataz_test.module('I') as m \gset
select capataz_test.robots('I', 5);
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status) values ('i-1', 'T', 'I', '{}', 'COMPLETED');
insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state, started_at, completed_at)
values
  (gen_random_uuid(), 'i-1', 'I', 'COMPLETED', '2026-03-10 09:59:59.9', '2026-03-10 10:00:00'),
  (gen_random_uuid(), 'i-1', 'I', 'COMPLETED', '2026-03-07 09:59:59.9', '2026-03-07 10:00:00'),
  (gen_random_uuid(), 'i-1', 'I', 'COMPLETED', '2025-03-07 09:59:59.9', '2025-03-07 10:00:00'),
  (gen_random_uuid(), 'i-1', 'I', 'FAILED', '2026-03-10 09:59:59.9', '2026-03-10 10:00:00');
select capataz_ops._fold_module('I', true);
select is(
  pg_temp.shown('I'), 'duration hour 07 10 49:1, duration hour 10 10 49:1, efficiency hour 07 10 49:1, efficiency hour 10 10 49:1',
  'imported ones in the hour they ended, unless that is long ago'
);
select capataz.fold_counters();
select is(
  pg_temp.shown('I'), 'duration day 07 00 49:1, duration hour 10 10 49:1, efficiency day 07 00 49:1, efficiency hour 10 10 49:1',
  'hours of more than two days ago become days'
);
select capataz.complete_executions((select jsonb_agg(jsonb_build_object('execute_id', c.execute_id)) from capataz.claim_robots('I', 3) as c));
select execute_id as e from capataz.claim_robots('I') \gset
update capataz.robot_execute set execution_state = 'COMPLETED' where execute_id = :'e';
select robot_id as r from capataz.claim_robots('I') \gset
update capataz.robots set status = 'COMPLETED' where robot_id = :'r';
select capataz.fold_counters();
select is(
  (select sum(h.bucket_count)::integer from capataz_ops.module_histograms as h
   where h.module_name = 'I' and h.measure = 'duration' and h.period_start = '2026-03-10 14:00'), 5,
  'by a bulk call, by an update of the execution, by an update of the robot'
);

-- corrections and deletes, as in the windows
update capataz.robot_execute set execution_metadata = '{"x": 1}', step_details = '{}' where module_name = 'I';
select capataz.fold_counters();
select is(
  (select sum(h.bucket_count)::integer from capataz_ops.module_histograms as h where h.module_name = 'I' and h.measure = 'duration'), 7,
  'a row that is touched again stays what it is'
);
update capataz.robot_execute set completed_at = '2026-03-10 09:00:01', started_at = '2026-03-10 09:00:00'
where module_name = 'I' and completed_at = '2026-03-10 10:00:00' and execution_state = 'COMPLETED';
select capataz.fold_counters();
select is(
  pg_temp.shown('I'),
  'duration day 07 00 49:1, duration hour 10 09 73:1, duration hour 10 14 0:5, efficiency day 07 00 49:1, efficiency hour 10 09 49:1, '
  'efficiency hour 10 14 49:5',
  'a corrected time moves it'
);
delete from capataz.robots where module_name = 'I' and robot_id <> 'i-1';
select capataz.fold_counters();
select is(
  pg_temp.shown('I'),
  'duration day 07 00 49:1, duration hour 10 09 73:1, efficiency day 07 00 49:1, efficiency hour 10 09 49:1',
  'a row deleted inside the window leaves it'
);
delete from capataz.robot_execute where module_name = 'I';
select capataz.fold_counters();
select is(
  pg_temp.shown('I'), 'duration day 07 00 49:1, efficiency day 07 00 49:1', 'one deleted later stays in the week'
);

-- what is old
select capataz_test.advance('2 days');
select capataz.fold_counters();
select is(
  pg_temp.shown('H'),
  'duration day 10 00 0:1, duration day 10 00 49:2, duration hour 10 14 166:1, efficiency day 10 00 49:3, efficiency hour 10 14 1:1',
  'two days later hours become days, one by one'
);
select capataz_test.advance('7 days');
select capataz.fold_counters();
select is(pg_temp.shown('H'), null, 'and nine days later nothing is left');

select * from finish();
rollback;
