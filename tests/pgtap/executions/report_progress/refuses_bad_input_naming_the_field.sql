-- RB400 with the field's name; no row changes.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('P') as m \gset
select capataz_test.running('P') as e \gset
create temporary table bad (field text, argument text) on commit drop;
insert into bad
select f, format('p_%s => %s', f, v)
from (values
  ('progress_percentage', '{-0.1,100.1,''NaN'',''infinity''}'::text[]), ('current_step', '{'''',"repeat(''s'', 101)","e''a\\nb''"}'),
  ('step_category', '{''init'','''',''COOKING''}'), ('completed_steps', '{-1,2147483648}'), ('total_steps', '{0,-1,2147483648}'),
  ('step_details', '{''[]'',''1''}'), ('cpu_usage_percent', '{-1,1000,''NaN''}'), ('memory_usage_mb', '{-1,2147483648}'),
  ('disk_io_mb', '{-1,2147483648}'), ('network_io_mb', '{-1,2147483648}'), ('items_processed', '{-1,9007199254740993}'),
  ('external_api_calls', '{-1,2147483648}'), ('external_api_duration_ms', '{-1,2147483648}'), ('external_api_failures', '{-1,2147483648}')
) as g (f, vs)
cross join unnest(g.vs) as v;
insert into bad values ('completed_steps', 'p_completed_steps => 6, p_total_steps => 5');
select is_empty(
  format($$select field, argument from bad
    where capataz_test.outcome(format('select capataz.report_progress(%%L, %%s)', %1$L, argument)) <> 'RB400'
      or strpos(capataz_test.error_part(format('select capataz.report_progress(%%L, %%s)', %1$L, argument), 'message'), field) = 0$$, :'e'),
  'each is RB400 and names the field'
);
select cmp_ok((select count(*)::integer from bad), '>', 30, 'many were tried');
select is((capataz_test.execution(:'e')).progress_percentage, 0::smallint, 'nothing changed');

select * from finish();
rollback;
