-- A week tells retries and the time that failed executions took too, and compares with no time before there was a module.
begin;
select plan(12);
select capataz_test.set_clock('2026-03-05 08:00:00');
select capataz_test.module('M', '{"timeout_seconds": 86400}') as m \gset
select capataz_test.module('N') as m \gset
create function pg_temp.work(p_failed integer) returns void language plpgsql as $$
declare v_e text;
begin
  perform capataz_test.complete_some('M', 1, 90000);
  for i in 1..p_failed loop
    v_e := capataz_test.running('M');
    perform capataz_test.advance('90 seconds');
    perform capataz.fail_execution(v_e, 'it broke', 'TIMEOUTISH', p_retryable => false);
  end loop;
end $$;
select pg_temp.work(10);
-- one that is tried again, and completes
select capataz_test.running('M') as e \gset
select capataz.fail_execution(:'e', 'it broke', 'NETWORK') as f \gset
select capataz_test.advance('1 hour');
select capataz.complete_execution(c.execute_id) from capataz.claim_robots('M') as c \gset
select capataz_test.set_clock('2026-03-10 08:00:00');
select pg_temp.work(20);
select capataz_test.set_clock('2026-03-17 08:00:00');
select pg_temp.work(40);

select capataz_test.set_clock('2026-03-23 00:40:00');
select is(capataz.build_weekly_report(), 3, 'three weeks are built');
select capataz.report('weekly', '2026-03-05') as first \gset
select capataz.report('weekly', '2026-03-12') as second \gset
select capataz.report('weekly', '2026-03-19') as third \gset
select is(:'first'::jsonb #>> '{summary,retried}', '1', 'weeks tell how many were tried again');
select is(:'second'::jsonb #>> '{modules,0,retried}', '0', 'or that none was');
select is(:'first'::jsonb #>> '{summary,busy_seconds}', '990', 'ten of eleven that took their time failed');
select is(:'first'::jsonb #> '{summary,completed_before}', 'null', 'before the first week there was nothing');
select is(:'second'::jsonb #> '{modules,0,failed_before}', 'null', 'the first week is no whole one');
select is(:'second'::jsonb #> '{summary,error_rate_before}', 'null', 'its rate tells nothing');
select is(
  :'second'::jsonb #> '{errors,categories}', '[{"category": "TIMEOUTISH", "failed": 20, "failed_before": null, "trend": null}]',
  'nothing can be said to grow'
);
select is_empty(
  format($$select from jsonb_array_elements(%L::jsonb -> 'findings') as f where f ->> 'code' = 'ERROR_CATEGORY'$$, :'second'),
  'so that is no finding'
);
select is(:'third'::jsonb #>> '{summary,failed_before}', '20', 'the third week has one before it');
select is(:'third'::jsonb #>> '{errors,categories,0,trend}', 'growing', 'against which failures grow');
select is(:'third'::jsonb #>> '{modules,1,completed_before}', '0', 'a module that did nothing in it has 0');
select * from finish();
rollback;
