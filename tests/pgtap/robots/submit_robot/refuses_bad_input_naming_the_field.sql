-- RB400 with the field's name for every bad argument; nothing is stored (specification 5.1).
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('C') as m \gset
create temporary table bad (field text, call text) on commit drop;
insert into bad
values
  ('robot_type', $$null$$), ('robot_type', $$''$$), ('robot_type', $$repeat('T', 51)$$), ('robot_type', $$e'T\n'$$),
  ('robot_type', $$'OTHER', p_module_name => 'C'$$),
  ('input_data', $$'T', to_jsonb((select string_agg(md5(i::text), '') from generate_series(1, 140000) as i))$$),
  ('module_name', $$'T', p_module_name => repeat('m', 101), p_correlation_id => 'x'$$),
  ('priority', $$'T', p_priority => 'URGENT'$$), ('priority', $$'T', p_priority => 'high'$$), ('priority', $$'T', p_priority => ''$$),
  ('available_at', $$'T', p_available_at => 'infinity'$$), ('available_at', $$'T', p_available_at => '-infinity'$$),
  ('cache_key', $$'T', p_cache_key => ''$$), ('cache_key', $$'T', p_cache_key => repeat('k', 256)$$),
  ('correlation_id', $$'T', p_correlation_id => repeat('k', 101)$$), ('correlation_id', $$'T', p_correlation_id => ''$$),
  ('source_reference', $$'T', p_source_reference => repeat('k', 201)$$),
  ('retry_limit', $$'T', p_retry_limit => -1$$), ('retry_limit', $$'T', p_retry_limit => 1001$$),
  ('retry_limit', $$'T', p_retry_limit => 9223372036854775807$$),
  ('estimated_duration_minutes', $$'T', p_estimated_duration_minutes => -1$$),
  ('estimated_duration_minutes', $$'T', p_estimated_duration_minutes => 2147483648$$),
  ('complexity_score', $$'T', p_complexity_score => -0.1$$), ('complexity_score', $$'T', p_complexity_score => 10$$),
  ('complexity_score', $$'T', p_complexity_score => 'NaN'$$), ('complexity_score', $$'T', p_complexity_score => 'infinity'$$),
  ('processing_tier', $$'T', p_processing_tier => 'SLOW'$$),
  ('security_classification', $$'T', p_security_classification => repeat('s', 21)$$),
  ('security_classification', $$'T', p_security_classification => ''$$),
  ('compliance_tags', $$'T', p_compliance_tags => array['a', null]$$),
  ('compliance_tags', $$'T', p_compliance_tags => '{{a},{b}}'$$),
  ('compliance_tags', $$'T', p_compliance_tags => array[e'x\x1b[31m']$$), ('compliance_tags', $$'T', p_compliance_tags => array['a', e'x\nline']$$),
  ('compliance_tags', $$'T', p_compliance_tags => array[e'x\u202ey']$$),
  ('robot_type', $$e'T\u202e'$$), ('cache_key', $$'T', p_cache_key => e'a\u2028b'$$),
  ('correlation_id', $$'T', p_correlation_id => e'a\u2029b'$$), ('source_reference', $$'T', p_source_reference => e'a\u2066b'$$),
  ('source_reference', $$'T', p_source_reference => e'a\u0085b'$$), ('correlation_id', $$'T', p_correlation_id => e'a\tb'$$),
  ('metadata', $$'T', p_metadata => '[]'$$), ('metadata', $$'T', p_metadata => '"x"'$$),
  ('robot_id', $$'T', p_robot_id => ''$$), ('robot_id', $$'T', p_robot_id => repeat('r', 51)$$),
  ('robot_id', $$'T', p_robot_id => 'a b'$$), ('robot_id', $$'T', p_robot_id => 'ñ'$$),
  ('robot_id', $$'T', p_robot_id => 'x''; drop table capataz.robots; --'$$), ('robot_id', $$'T', p_robot_id => e'a\n'$$);
create temporary view tried as
select b.field, b.call,
  capataz_test.outcome(format('select * from capataz.submit_robot(%s)', b.call)) as code,
  capataz_test.error_part(format('select * from capataz.submit_robot(%s)', b.call), 'message') as message,
  capataz_test.error_part(format('select * from capataz.submit_robot(%s)', b.call), 'detail') as detail,
  capataz_test.error_part(format('select * from capataz.submit_robot(%s)', b.call), 'hint') as hint
from bad as b;
create temporary table seen on commit drop as select * from tried;
select is_empty($$select field, call, code from seen where code <> 'RB400'$$, 'each is RB400');
select is_empty($$select field, call, message from seen where strpos(message, field) = 0$$, 'each message names the field');
select is_empty(
  $$select field, call from seen where coalesce(detail, '') = '' or coalesce(hint, '') = ''$$, 'each has DETAIL and HINT'
);
select is((select count(*)::integer from capataz.robots where module_name = 'C'), 0, 'nothing was stored');
select throws_ok(
  $$select * from capataz.submit_robot('T', p_module_name => 'nobody')$$, 'RB404', 'no module "nobody"', 'unknown module'
);

select * from finish();
rollback;
