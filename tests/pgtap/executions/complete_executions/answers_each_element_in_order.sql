-- One row per element, in order; error is 'RBnnn: message' or null; one bad element harms no other.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('G') as m \gset
select capataz_test.robots('G', 6);
create temporary table c on commit drop as select c.*, row_number() over () as n from capataz.claim_robots('G', 6) as c;
select execute_id as e1 from c where n = 1 \gset
select execute_id as e2 from c where n = 2 \gset
select execute_id as e3 from c where n = 3 \gset
select capataz.fail_execution(:'e3', 'x');
create temporary table answers on commit drop as
select *
from capataz.complete_executions(jsonb_build_array(
  jsonb_build_object('execute_id', :'e1', 'output_data', '{"n": 1}'::jsonb, 'confidence_score', 0.5, 'completeness_score', 1, 'resource_usage_mb', 7, 'performance_metrics', '{"a": 1}'::jsonb),
  5, jsonb_build_object('execute_id', 'nobody'), jsonb_build_object('execute_id', :'e2', 'confidence_score', 2),
  jsonb_build_object('execute_id', :'e3'), jsonb_build_object('execute_id', :'e2', 'colour', 'red'), '{}',
  jsonb_build_object('execute_id', :'e1', 'output_data', '{"n": 2}'::jsonb),
  jsonb_build_object('execute_id', :'e2', 'output_data', null, 'confidence_score', null)
)) with ordinality as a (execute_id, status, error, place);
select results_eq(
  'select status::text, left(error, 6) from answers order by place',
  $$values ('COMPLETED', null), (null, 'RB400:'), (null, 'RB404:'), (null, 'RB400:'), (null, 'RB409:'), (null, 'RB400:'), (null, 'RB400:'),
    ('COMPLETED', null), ('COMPLETED', null)$$, 'nine answers in order'
);
select is((select execute_id from answers where place = 1), :'e1', 'each with its id');
select matches((select error from answers where place = 4), 'confidence_score', 'an error names the field');
select matches((select error from answers where place = 6), 'colour', 'or the key that is unknown');
select results_eq(
  format('select output_data, confidence_score, completeness_score, resource_usage_mb, performance_metrics from capataz.robots where robot_id = %L', (capataz_test.robot_of(:'e1')).robot_id),
  $$values ('{"n": 1}'::jsonb, 0.50, 1.00, 7, '{"a": 1}'::jsonb)$$, 'every key reaches its column; the first answer for an id counts'
);
select is((select count(*)::integer from capataz.robots where module_name = 'G' and status = 'COMPLETED'), 2, 'two completed');
select results_eq(
  format($$select status::text, error from capataz.complete_executions(%L)$$, jsonb_build_array(jsonb_build_object('execute_id', :'e1'))),
  $$values ('COMPLETED', null::text)$$, 'a repeated call gives the same answer'
);
select is_empty($$select * from capataz.complete_executions('[]')$$, 'an empty array is fine');
select throws_ok('select * from capataz.complete_executions(null)', 'RB400', 'results must be a JSON array', 'null');
select throws_ok($$select * from capataz.complete_executions('{}')$$, 'RB400', 'results must be a JSON array', 'no array');
select throws_ok(
  $$select * from capataz.complete_executions((select jsonb_agg(1) from generate_series(1, 10001)))$$, 'RB400', 'results has too many elements', 'too many'
);

select * from finish();
rollback;
