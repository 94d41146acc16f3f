-- Where time goes: each step with its share, the last of an attempt too; the step with most time is the bottleneck.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:30:00');
select capataz_test.module('M') as m \gset
create function pg_temp.work(p_load integer, p_ocr integer, p_end text) returns void language plpgsql as $$
declare
  v_execute_id text := capataz_test.running('M');
begin
  perform capataz_test.advance('1 second');
  perform capataz.report_progress(v_execute_id, p_current_step => 'load', p_step_category => 'INIT');
  perform capataz_test.advance(p_load * interval '1 second');
  perform capataz.report_progress(v_execute_id, p_current_step => 'ocr', p_step_category => 'PROCESSING');
  perform capataz_test.advance(p_ocr * interval '1 second');
  if p_end = 'complete' then
    perform capataz.complete_execution(v_execute_id);
  elsif p_end = 'fail' then
    perform capataz.fail_execution(v_execute_id, 'it broke', p_retryable => false);
  else
    perform capataz.release_robots(array[v_execute_id]);
    perform capataz.cancel_robot((capataz_test.robot_of(v_execute_id)).robot_id);
  end if;
end
$$;
select pg_temp.work(2, 5, 'complete'), pg_temp.work(4, 9, 'fail');
select is_empty('select * from capataz.step_analysis()', 'nothing before the fold');
select is(capataz.fold_analytics(), 5, 'four steps and an error are folded');
select is(capataz.fold_analytics(), 0, 'once');
select capataz.fold_counters();
select results_eq(
  $$select step_category::text, step_name::text, step_count, total_ms, avg_ms, max_ms, share, is_bottleneck from capataz.step_analysis()$$,
  $$values
    ('PROCESSING', 'ocr', 2::bigint, 14000::bigint, 7000::bigint, 9000::bigint, 63.64, true),
    ('INIT', 'load', 2, 6000, 3000, 4000, 27.27, false),
    (null, null, null, 2000, null, null, 9.09, false)$$,
  'the last step counts when the attempt ends; what is in no step is told'
);
select pg_temp.work(1, 1, 'release');
select capataz.fold_analytics();
select is(
  (select step_count from capataz.step_analysis() where step_name = 'ocr'), 3::bigint, 'steps of released attempts count too'
);

select capataz_test.advance('8 days');
select pg_temp.work(2, 14, 'complete');
select capataz.fold_analytics();
select results_eq(
  $$select step_name::text, avg_ms, previous_avg_ms, change from capataz.step_analysis() where step_name is not null order by 1$$,
  $$values ('load', 2000::bigint, 2333::bigint, -14.3), ('ocr', 14000, 5000, 180.0)$$,
  'against the seven days before'
);

-- names without end
select capataz_test.running('M') as e \gset
select count(*) as reported
from generate_series(1, 260) as g (n)
cross join lateral (
  select capataz_test.advance('1 second'), capataz.report_progress(:'e', p_current_step => 'page ' || g.n, p_step_category => 'PROCESSING')
) as r \gset
select capataz.fold_analytics();
select is(
  (select count(*)::integer from capataz_ops.step_days where day = '2026-03-18' and step_name <> '(other)'), 200,
  'a module has at most 200 names a day'
);
select is(
  (select sum(total_ms) from capataz_ops.step_days where day = '2026-03-18'), 16000 + 259000::numeric, 'and no time is lost'
);
select isnt(
  (select step_name::text from capataz.step_analysis() where is_bottleneck), '(other)', 'other steps are no bottleneck'
);

select * from finish();
rollback;
