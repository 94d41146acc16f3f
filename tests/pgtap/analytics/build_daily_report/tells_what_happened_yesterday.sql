-- The report of a day holds what ended in it and what the samples saw, and is built once it is over (specification 5.2).
begin;
select plan(16);
select capataz_test.set_clock('2026-03-10 08:00:00');
select capataz_test.module('M', '{"timeout_seconds": 86400}') as m \gset

select is(capataz.build_daily_report(), 0, 'a day that is not over has no report yet');

select capataz_test.complete_some('M', 3, 1000);
select capataz_test.fail_some('M', 1);
select capataz_test.set_clock('2026-03-10 09:59:30');
select capataz.sample_resources();
select capataz_test.running('M') as e \gset
select capataz_test.robots('M', 5, '{"priority": "HIGH"}');
select capataz_test.set_clock('2026-03-10 10:00:00');
select capataz.sample_resources();
select capataz_test.set_clock('2026-03-10 23:59:59.5');
select capataz.complete_execution(:'e') \gset
select capataz_test.set_clock('2026-03-11 00:20:00');
select capataz.complete_execution(c.execute_id) from capataz.claim_robots('M') as c \gset
select is(capataz.build_daily_report(), 1, 'once it is over it is built');
select is(capataz.build_daily_report(), 0, 'and not again');

select capataz.report('daily') as r \gset
select is(
  :'r'::jsonb -> 'period', '{"from": "2026-03-10T00:00:00", "to": "2026-03-11T00:00:00"}', 'it is the report of the day before'
);
select is((:'r'::jsonb -> 'is_final')::boolean, true, 'it is final');
select is(
  (select row(s.completed, s.failed, s.error_rate, s.modules)::text
   from jsonb_to_record(:'r'::jsonb -> 'summary') as s (completed integer, failed integer, error_rate numeric, modules integer)),
  '(4,1,20.00,1)', 'it counts what ended in it, and what ended after midnight is of the next'
);
select is(:'r'::jsonb #>> '{summary,waiting_max}', '5', 'the samples saw what waited');
select is(:'r'::jsonb #>> '{summary,sample_count}', '2', 'and there were two of them');
select is(jsonb_array_length(:'r'::jsonb -> 'steps'), 24, 'it has 24 hours');
select is(
  (select array_agg(s ->> 'completed' order by s ->> 'at') from jsonb_array_elements(:'r'::jsonb -> 'steps') as s
   where s ->> 'completed' <> '0'),
  array['3', '1'], 'with what ended in each'
);
select is(:'r'::jsonb #>> '{steps,10,waiting_high}', '5.00', 'and what waited, by priority');
select is(:'r'::jsonb #> '{steps,11,waiting_high}', 'null', 'an hour without samples shows a gap');
select is(
  (:'r'::jsonb #>> '{modules,0,p50_ms}')::integer between 950 and 1050, true, 'half of a module''s executions took a second'
);
select is(
  :'r'::jsonb #> '{errors,categories}',
  '[{"category": "PROCESSING", "failed": 1, "failed_before": null, "trend": null}]', 'failures are told by category'
);
select ok(position('it broke' in :'r') = 0, 'no message is in it');
select is(
  (select f ->> 'text' from jsonb_array_elements(:'r'::jsonb -> 'findings') as f where f ->> 'code' = 'SAMPLES_MISSING'),
  '958 of 960 minutes have no samples: nobody ran the jobs.', 'what a reader should know is said in a sentence'
);

select * from finish();
rollback;
