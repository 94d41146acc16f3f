-- started_at, completed_at, processing_time_ms, actual_duration_minutes, last_error_at and updated_at follow the status.
begin;
select plan(14);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('T') as m \gset
select capataz_test.robot('T') as r \gset
select is((capataz.get_robot(:'r')).started_at, null, 'PENDING: no start');
select capataz_test.advance('1 minute');
update capataz.robots set status = 'PROCESSING' where robot_id = :'r';
select is((capataz.get_robot(:'r')).started_at, '2026-03-10 12:01', 'PROCESSING: started now');
select is((capataz.get_robot(:'r')).updated_at, '2026-03-10 12:01', 'updated now');
select capataz_test.advance('10 seconds');
update capataz.robots set status = 'RETRYING' where robot_id = :'r';
select is((capataz.get_robot(:'r')).started_at, '2026-03-10 12:01', 'RETRYING: keeps its start');
select is((capataz.get_robot(:'r')).last_error_at, '2026-03-10 12:01:10', 'and has an error now');
select is((capataz.get_robot(:'r')).completed_at, null, 'it has not ended');
select capataz_test.advance('1 hour');
update capataz.robots set status = 'PROCESSING' where robot_id = :'r';
select is((capataz.get_robot(:'r')).started_at, '2026-03-10 13:01:10', 'the new attempt starts now');
select capataz_test.advance('90.5 seconds');
update capataz.robots set status = 'COMPLETED' where robot_id = :'r';
select is((capataz.get_robot(:'r')).completed_at, '2026-03-10 13:02:40.5', 'COMPLETED: ended now');
select is((capataz.get_robot(:'r')).processing_time_ms, 90500, 'processing time of the last attempt');
select is((capataz.get_robot(:'r')).actual_duration_minutes, 2, 'in whole minutes');
select is((capataz.get_robot(:'r')).last_error_at, '2026-03-10 12:01:10', 'the last error stays readable');
select capataz_test.robot('T') as r2 \gset
update capataz.robots set status = 'FAILED' where robot_id = :'r2';
select is((capataz.get_robot(:'r2')).processing_time_ms, null, 'a robot that never started has no processing time');
select is((capataz.get_robot(:'r2')).error_category, 'CANCELLED', 'FAILED from PENDING is a cancellation');
update capataz.robots set status = 'PENDING' where robot_id = :'r2';
select is((capataz.get_robot(:'r2')).completed_at, null, 'PENDING again: no end');

select * from finish();
rollback;
