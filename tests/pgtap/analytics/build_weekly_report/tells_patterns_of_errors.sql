-- The report of a week: errors by category, place and hour, against the week before (specification 5.2).
begin;
select plan(9);
select capataz_test.set_clock('2026-03-02 00:00:00');
select capataz_test.module('M') as m \gset
select capataz_test.set_clock('2026-03-04 08:00:00');
create function pg_temp.fail(p_category text, p_step text, p_count integer) returns void language plpgsql as $$
declare v_e text;
begin
  for i in 1..p_count loop
    v_e := capataz_test.running('M');
    perform capataz.report_progress(v_e, p_current_step => p_step);
    perform capataz.fail_execution(v_e, 'card 4111 1111 1111 1111 refused', p_category, p_retryable => false);
  end loop;
end $$;
select pg_temp.fail('EXTERNAL_API', 'FETCH', 4), pg_temp.fail('PARSING', 'READ', 2), pg_temp.fail('STORAGE', 'WRITE', 10);
select capataz_test.set_clock('2026-03-11 14:00:00');
select pg_temp.fail('EXTERNAL_API', 'FETCH', 12), pg_temp.fail('NETWORK', 'FETCH', 1), pg_temp.fail('STORAGE', 'WRITE', 9);
select capataz_test.complete_some('M', 18, 2000);

select capataz_test.set_clock('2026-03-16 00:40:00');
select is(capataz.build_weekly_report(), 2, 'both weeks are built');
select capataz.report('weekly', '2026-03-11') as r \gset
select is(
  (select array_agg(row(c.category, c.failed, c.failed_before, c.trend)::text order by c.place)
   from rows from (jsonb_to_recordset(:'r'::jsonb #> '{errors,categories}')
     as (category text, failed integer, failed_before integer, trend text)) with ordinality as c (category, failed, failed_before, trend, place)),
  array['(EXTERNAL_API,12,4,growing)', '(STORAGE,9,10,steady)', '(NETWORK,1,0,new)', '(PARSING,0,2,vanished)'],
  'categories: growing, steady, new and vanished'
);
select is(
  :'r'::jsonb #> '{errors,places,0}',
  '{"module": "M", "category": "EXTERNAL_API", "step": "FETCH", "failed": 12, "failed_before": 4}', 'the worst place first'
);
select is(
  :'r'::jsonb #> '{errors,hours}', '[{"weekday": 3, "hour": 14, "ended": 40, "failed": 22}]', 'by weekday and hour'
);
select ok(position('4111' in :'r') = 0, 'no message is in it');
select is(jsonb_array_length(:'r'::jsonb -> 'steps'), 168, 'it has 168 hours');
select is(
  (select f ->> 'text' from jsonb_array_elements(:'r'::jsonb -> 'findings') as f where f ->> 'code' = 'ERROR_CATEGORY'),
  'Failures of category EXTERNAL_API are growing: 12, in the period before 4.', 'what grows is a finding'
);
select is((:'r'::jsonb #>> '{summary,p95_ms}')::integer between 1900 and 2100, true, 'percentiles come from the days');
select is((:'r'::jsonb #> '{summary,completed_before}')::integer, 0, 'the week before is told along');
select * from finish();
rollback;
