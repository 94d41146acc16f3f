-- One row per element, in order, each robot RETRYING or FAILED by its own rules; one bad element harms no other.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('N', '{"failure_threshold": 100}') as m \gset
select capataz_test.robots('N', 6);
create temporary table c on commit drop as select c.*, row_number() over () as n from capataz.claim_robots('N', 6) as c;
select capataz.complete_execution((select execute_id from c where n = 6));
create temporary table answers on commit drop as
select *
from capataz.fail_executions((
  select jsonb_agg(
    case n
      when 1 then '{"error_message": "x"}'::jsonb when 2 then '{"error_message": "x", "error_category": "VALIDATION"}'
      when 3 then '{"error_message": "x", "retryable": false, "error_details": {"a": 1}, "error_stack_trace": "s"}'
      when 4 then '{}' else '{"error_message": "x", "error_category": null, "error_details": null, "retryable": null}'
    end || jsonb_build_object('execute_id', execute_id)
    order by n
  ) from c
) || '[{"execute_id": "nobody", "error_message": "x"}]') with ordinality as a (execute_id, status, error, place);
select results_eq(
  'select status::text, left(error, 6) from answers order by place',
  $$values ('RETRYING', null), ('FAILED', null), ('FAILED', null), (null, 'RB400:'), ('RETRYING', null), (null, 'RB409:'), (null, 'RB404:')$$, 'seven answers in order'
);
select is(
  (select count(*)::integer from c join answers as a on a.place = c.n and a.execute_id = c.execute_id), 6, 'each with its id'
);
select is((capataz_test.robot_of((select execute_id from c where n = 3))).error_details ->> 'a', '1', 'details are kept');
select is(
  (capataz_test.execution((select execute_id from c where n = 4))).execution_state::text, 'RUNNING', 'the bad one still runs'
);
select is((capataz_test.module_row('N')).consecutive_failures, 4, 'four failures in a row');
select results_eq(
  $$select status::text, left(error, 5) from capataz.fail_executions((select jsonb_agg(jsonb_build_object('execute_id', execute_id, 'error_message', 'again') order by n) from c where n <= 3))$$,
  $$values ('RETRYING', null), ('FAILED', null), ('FAILED', null)$$, 'a repeated call gives the same answers'
);
select is((capataz_test.module_row('N')).consecutive_failures, 4, 'and counts nothing');
select throws_ok('select * from capataz.fail_executions(null)', 'RB400', 'results must be a JSON array', 'null');

select * from finish();
rollback;
