-- Values that JSON allows and columns do not are an answer for their element, never an error of the call.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('H') as m \gset
select capataz_test.running('H') as e \gset
create temporary table bad (element jsonb) on commit drop;
insert into bad
values
  ('{"execute_id": "x", "resource_usage_mb": 1e300}'), ('{"execute_id": "x", "confidence_score": -1e-5}'), ('{"execute_id": "x", "confidence_score": "0.5"}'),
  ('{"execute_id": "x", "performance_metrics": [1]}'), ('{"execute_id": 5}'), ('{"execute_id": null}'), ('null'), ('[]'), ('"x"');
select is_empty(
  $$select element from bad where (select a.error from capataz.complete_executions(jsonb_build_array(element)) as a) !~ '^RB400: '$$, 'complete_executions'
);
create temporary table bad_failures (element jsonb) on commit drop;
insert into bad_failures
values
  ('{"execute_id": "x"}'), ('{"execute_id": "x", "error_message": 5}'), ('{"execute_id": "x", "error_message": null}'),
  ('{"execute_id": "x", "error_message": "x", "error_category": "lower"}'), ('{"execute_id": "x", "error_message": "x", "error_category": "A\nB"}'),
  ('{"execute_id": "x", "error_message": "x", "error_details": []}'), ('{"execute_id": "x", "error_message": "x", "retryable": "yes"}'),
  ('{"execute_id": "x", "error_message": "x", "error_stack_trace": 5}'), ('{"execute_id": "x", "error_message": "x", "colour": 1}'), ('7');
select is_empty(
  $$select element from bad_failures where (select a.error from capataz.fail_executions(jsonb_build_array(element)) as a) !~ '^RB400: '$$, 'fail_executions'
);
select results_eq(
  format($$select status::text, left(error, 5) from capataz.complete_executions((select jsonb_agg(element) from bad) || %L)$$, jsonb_build_array(jsonb_build_object('execute_id', :'e'))),
  $$select null, 'RB400' from bad union all values ('COMPLETED', null)$$, 'the good one among them completes'
);

select * from finish();
rollback;
