-- Generated ids keep their form and their 50 characters whatever the type is called.
begin;
select plan(4);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module(
  'B', '{}', array['INVOICE-OCR v2', 'ÄÖÜ', '---', repeat('Long', 12), '日本語', 'O''Reilly; drop table x; --']
) as m \gset
create temporary table made on commit drop as
select t.type, (capataz.submit_robot(t.type)).*
from unnest((capataz_test.module_row('B')).supported_robot_types) as t (type);
select is_empty(
  $$select type, robot_id from made where robot_id !~ '^[a-z0-9]{1,20}_[0-9]{17}_[0-9]+$' or length(robot_id) > 50$$, 'all have the form'
);
select is(
  (select split_part(robot_id, '_', 1) from made where type = 'INVOICE-OCR v2'), 'invoiceocrv2', 'letters and digits of the type'
);
select is((select split_part(robot_id, '_', 1) from made where type = '---'), 'robot', 'robot where there are none');
select is((select count(distinct robot_id)::integer from made), 6, 'all differ, in one transaction too');

select * from finish();
rollback;
