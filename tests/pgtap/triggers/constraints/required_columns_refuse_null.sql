-- NOT NULL of the three tables, from the catalog; defaults fill the columns that have one.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('N') as m \gset
select capataz_test.running('N') as e \gset
alter table capataz.module_registry disable trigger user;
alter table capataz.robots disable trigger user;
alter table capataz.robot_execute disable trigger user;
create temporary table required on commit drop as
select a.attrelid::regclass::text as table_name, a.attname::text as column_name
from pg_attribute as a
where a.attrelid in ('capataz.module_registry'::regclass, 'capataz.robots'::regclass, 'capataz.robot_execute'::regclass)
  and a.attnotnull and a.attnum > 0 and a.attidentity = '';
select is_empty(
  $$select table_name, column_name
    from required
    where capataz_test.violated(
      format('update %s set %I = null where module_name = %L', table_name, column_name, 'N')
    ) <> 'not null: ' || column_name$$,
  'null is refused in every required column'
);
select is((select count(*)::integer from required), 23, 'there are 23 of them');

select * from finish();
rollback;
