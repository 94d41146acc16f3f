-- A robot may be inserted as PENDING, PROCESSING, COMPLETED or FAILED (import), never as RETRYING (design 5).
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('I') as m \gset
create temporary view tried as
select s.status,
  capataz_test.outcome(format(
    'insert into capataz.robots (robot_id, robot_type, module_name, input_data, status) values (%L, %L, %L, %L, %L)',
    'i-' || s.status, 'T', 'I', '{}', s.status
  )) as outcome
from (select unnest(enum_range(null::capataz.robot_status_enum))::text as status) as s;
select set_eq(
  'select status, outcome from tried',
  $$values ('PENDING', 'ok'), ('PROCESSING', 'ok'), ('COMPLETED', 'ok'), ('FAILED', 'ok'), ('RETRYING', 'RB409')$$,
  'all but RETRYING'
);
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status, started_at, completed_at, created_at)
values ('i-1', 'T', 'I', '{}', 'COMPLETED', '2026-03-01 10:00', '2026-03-01 10:02:30', '2026-03-01 09:00');
select is((capataz.get_robot('i-1')).processing_time_ms, 150000, 'an imported robot keeps its times: processing_time_ms');
select is((capataz.get_robot('i-1')).actual_duration_minutes, 3, 'and actual_duration_minutes, rounded');
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status, created_at)
values ('i-2', 'T', 'I', '{}', 'FAILED', '2026-03-01 09:00');
select is((capataz.get_robot('i-2')).completed_at, '2026-03-10 12:00', 'without an end it ended now');
select is((capataz.get_robot('i-2')).processing_time_ms, null, 'a robot that never started has no processing time');
insert into capataz.robots (robot_id, robot_type, module_name, input_data, started_at, completed_at, processing_time_ms)
values ('i-3', 'T', 'I', '{}', '2026-03-01 10:00', '2026-03-01 10:02:30', 5);
select is((capataz.get_robot('i-3')).started_at, null, 'a PENDING robot has no start');
select is((capataz.get_robot('i-3')).processing_time_ms, null, 'and no processing time');
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'I'), 0, 'robots inserted as ended open no execution'
);

select * from finish();
rollback;
