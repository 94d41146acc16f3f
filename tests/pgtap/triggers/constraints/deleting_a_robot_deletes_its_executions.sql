-- on delete cascade of robot_execute.robot_id (specification 3.3), and no delete of a module that robots refer to.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('D') as m \gset
select capataz_test.running('D') as e \gset
select (capataz_test.robot_of(:'e')).robot_id as r \gset
select throws_ok(
  $$delete from capataz.module_registry where module_name = 'D'$$, '23503', null, 'a module with robots stays'
);
select lives_ok(format('delete from capataz.robots where robot_id = %L', :'r'), 'a running robot may be deleted');
select is((select count(*)::integer from capataz.robot_execute where execute_id = :'e'), 0, 'its execution went with it');
select lives_ok($$delete from capataz.module_registry where module_name = 'D'$$, 'a module without robots may go');
select is_empty(
  $$select 1 from capataz_ops.module_settings where module_name = 'D'
    union all select 1 from capataz_ops.module_state where module_name = 'D'
    union all select 1 from capataz_ops.module_permits where module_name = 'D'$$,
  'its derived state went with it'
);

select * from finish();
rollback;
