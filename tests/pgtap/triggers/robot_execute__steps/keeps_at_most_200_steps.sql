-- A row never grows without bound, nor does the history: past 200 steps the rest is added up in the last one.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('S') as m \gset
select capataz_test.running('S') as e \gset
do $$
declare
  v_id text := capataz_test.active((select robot_id from capataz.robots where module_name = 'S'));
begin
  for i in 1..205 loop
    perform capataz.report_progress(v_id, p_current_step => 'PAGE ' || i);
    perform capataz_test.advance('10 milliseconds');
  end loop;
end
$$;
select capataz.complete_execution(:'e');
select is((select count(*)::integer from capataz_ops.execution_steps where execute_id = :'e'), 200, '200 rows for 205 steps');
select is((select max(step_number) from capataz_ops.execution_steps where execute_id = :'e'), 200, 'numbered 1 to 200');
select is((select sum(duration_ms)::integer from capataz_ops.execution_steps where execute_id = :'e'), 2050, 'no time is lost');
select is(
  (select visits from capataz_ops.execution_steps where execute_id = :'e' and step_number = 200), 6,
  'the last row stands for six steps'
);
select is(
  (select step_name::text from capataz_ops.execution_steps where execute_id = :'e' and step_number = 199), 'PAGE 199', 'the first 199 have their names'
);
select ok(pg_column_size((capataz_test.execution(:'e')).step_details) < 100, 'the execution''s row has not grown');

select * from finish();
rollback;
