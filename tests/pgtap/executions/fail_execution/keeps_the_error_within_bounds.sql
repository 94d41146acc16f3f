-- error_message 10,000 characters, stack trace 100,000; details merge into the structured error; step of the failure.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('M') as m \gset
select capataz_test.running('M') as e \gset
select capataz.report_progress(:'e', p_current_step => 'OCR');
select capataz.fail_execution(:'e', repeat('m', 20000), 'PROCESSING', '{"type": "MINE", "page": 3}', repeat('s', 200000));
select is(length((capataz_test.execution(:'e')).error_message), 10000, 'message');
select is(length((capataz_test.execution(:'e')).error_stack_trace), 100000, 'stack trace');
select is(
  (capataz_test.robot_of(:'e')).error_details - 'message', '{"type": "MINE", "step": "OCR", "page": 3}'::jsonb,
  'details, the caller''s first'
);
select capataz_test.running('M') as e2 \gset
create temporary table bad (field text, call text) on commit drop;
insert into bad
values ('error_message', 'null'), ('error_category', $$'x', 'lower'$$), ('error_category', $$'x', ''$$), ('error_category', $$'x', repeat('A', 51)$$),
  ('error_category', $$'x', e'A\nB'$$), ('error_category', $$'x', 'Ñ'$$), ('error_details', $$'x', 'A', '[]'$$), ('error_details', $$'x', 'A', '"s"'$$);
select is_empty(
  format($$select field, call from bad
    where capataz_test.outcome(format('select capataz.fail_execution(%%L, %%s)', %1$L, call)) <> 'RB400'
      or strpos(capataz_test.error_part(format('select capataz.fail_execution(%%L, %%s)', %1$L, call), 'message'), field) = 0$$, :'e2'),
  'bad arguments are RB400 and name the field'
);
select is((capataz_test.execution(:'e2')).execution_state::text, 'RUNNING', 'nothing changed');

select * from finish();
rollback;
