-- available_at: now where none is given, a time in the past counts as now, a time to come is kept (design 6).
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('F') as m \gset
create temporary table made on commit drop as
select (capataz.submit_robot('T', p_module_name => 'F', p_available_at => t.time)).robot_id, t.expected
from (values
  (null::timestamp, '2026-03-10 12:00'::timestamp), ('2020-01-01', '2026-03-10 12:00'), ('2026-03-10 12:00:00.000001', '2026-03-10 12:00:00.000001'),
  ('2126-03-10', '2126-03-10')
) as t (time, expected);
select is_empty(
  'select r.available_at, m.expected from made as m join capataz.robots as r using (robot_id) where r.available_at <> m.expected', 'due times'
);
select count(*) from capataz.submit_robots('[{"robot_type": "T", "module_name": "F", "available_at": "2020-01-01", "robot_id": "f-bulk"}]');
select is((capataz.get_robot('f-bulk')).available_at, '2026-03-10 12:00', 'in bulk too');
select is((select count(*)::integer from capataz.claim_robots('F', 10)), 3, 'only what is due is claimed');

select * from finish();
rollback;
