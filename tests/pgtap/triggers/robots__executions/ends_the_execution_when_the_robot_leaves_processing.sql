-- Robot COMPLETED: execution COMPLETED; FAILED: FAILED, CANCELLED where the category says so; RETRYING: FAILED; PENDING: CANCELLED.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('B') as m \gset
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status)
select 'b-' || i, 'T', 'B', '{}', 'PROCESSING' from generate_series(1, 5) as i;
select capataz_test.advance('3 seconds');
update capataz.robots set status = 'COMPLETED' where robot_id = 'b-1';
update capataz.robots set status = 'FAILED', error_category = 'EXTERNAL_API' where robot_id = 'b-2';
update capataz.robots set status = 'FAILED', error_category = 'CANCELLED' where robot_id = 'b-3';
update capataz.robots set status = 'RETRYING' where robot_id = 'b-4';
update capataz.robots set status = 'PENDING' where robot_id = 'b-5';
select results_eq(
  $$select robot_id::text, execution_state::text, error_category::text, duration_ms
    from capataz.robot_execute where module_name = 'B' order by robot_id$$,
  $$values
    ('b-1', 'COMPLETED', null, 3000), ('b-2', 'FAILED', 'EXTERNAL_API', 3000), ('b-3', 'CANCELLED', 'CANCELLED', 3000),
    ('b-4', 'FAILED', 'PROCESSING', 3000), ('b-5', 'CANCELLED', null, 3000)$$,
  'each execution ends as its robot demands, with its duration'
);
select is((capataz.get_robot('b-5')).retry_count, 0, 'a robot set PENDING has spent no retry');
select is((capataz.get_robot('b-4')).retry_count, 1, 'one set RETRYING has');
select ok(capataz_test.is_coupled('B'), 'robots and executions agree');
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status)
select 'b-' || i, 'T', 'B', '{}', 'PROCESSING' from generate_series(6, 9) as i;
update capataz.robots as r
set status = n.status::capataz.robot_status_enum
from (values ('b-6', 'COMPLETED'), ('b-7', 'PENDING'), ('b-8', 'RETRYING'), ('b-4', 'FAILED')) as n (robot_id, status)
where r.robot_id = n.robot_id;
select ok(capataz_test.is_coupled('B'), 'also after one statement that moves robots different ways');
select is((capataz_test.execution(capataz_test.active('b-9'))).execution_state::text, 'RUNNING', 'the others go on');

select * from finish();
rollback;
