-- RB400 with the field's name; no row changes.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('F') as m \gset
select capataz_test.running('F') as e \gset
create temporary table bad (field text, call text) on commit drop;
insert into bad
values
  ('performance_metrics', $$'{}', '[]'$$), ('confidence_score', $$'{}', '{}', 1.01$$), ('confidence_score', $$'{}', '{}', -0.01$$),
  ('confidence_score', $$'{}', '{}', 'NaN'$$), ('completeness_score', $$'{}', '{}', null, 'infinity'$$),
  ('completeness_score', $$'{}', '{}', null, 2$$), ('resource_usage_mb', $$'{}', '{}', null, null, -1$$),
  ('resource_usage_mb', $$'{}', '{}', null, null, 2147483648$$),
  ('output_data', $$to_jsonb((select string_agg(md5(i::text), '') from generate_series(1, 140000) as i))$$);
select is_empty(
  format($$select field, call from bad
    where capataz_test.outcome(format('select capataz.complete_execution(%%L, %%s)', %1$L, call)) <> 'RB400'
      or strpos(capataz_test.error_part(format('select capataz.complete_execution(%%L, %%s)', %1$L, call), 'message'), field) = 0$$, :'e'),
  'each is RB400 and names the field'
);
select is((capataz_test.execution(:'e')).execution_state::text, 'RUNNING', 'nothing changed');

select * from finish();
rollback;
