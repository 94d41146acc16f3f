-- Failures by category, step, module and fingerprint, against the period before.
begin;
select plan(14);
select capataz_test.set_clock('2026-03-10 12:30:00');
select capataz_test.module('M', '{"failure_threshold": 1000000}') as m \gset
create function pg_temp.fail(p_count integer, p_category text, p_message text, p_step text default null) returns void
  language plpgsql as $$
declare
  v_execute_id text;
begin
  for i in 1..p_count loop
    v_execute_id := capataz_test.running('M');
    if p_step is not null then
      perform capataz.report_progress(v_execute_id, p_current_step => p_step, p_step_category => 'PROCESSING');
    end if;
    perform capataz.fail_execution(v_execute_id, format(p_message, i), p_category, p_retryable => false);
  end loop;
end
$$;
-- the week before
select pg_temp.fail(20, 'PROCESSING', 'page %s is blank', 'ocr');
select pg_temp.fail(3, 'EXTERNAL_API', 'answer %s');
select pg_temp.fail(10, 'VALIDATION', 'field "f%s" is missing');
select capataz_test.advance('7 days');
select pg_temp.fail(21, 'PROCESSING', 'page %s is blank', 'ocr');
select pg_temp.fail(30, 'VALIDATION', 'field "f%s" is missing');
select capataz_test.advance('3 hours');
select pg_temp.fail(4, 'PROCESSING', 'disk full', 'ocr');
select capataz.fold_analytics();

select results_eq(
  $$select error_category::text, step_category::text, step_name::text, error_count, previous_count, change, peak_hour from capataz.error_patterns()$$,
  $$values
    ('VALIDATION', null, null, 30::bigint, 10::bigint, 'growing', 12), ('PROCESSING', 'PROCESSING', 'ocr', 21, 20, 'steady', 12),
    ('PROCESSING', 'PROCESSING', 'ocr', 4, 0, 'new', 15), ('EXTERNAL_API', null, null, 0, 3, 'vanished', null)$$,
  'what is new, growing, steady and vanished'
);
select is(
  (select hour_counts[16] from capataz.error_patterns() where change = 'new'), 4::bigint, 'by hour of the day'
);
select is((select sum(share) from capataz.error_patterns()), 100.00, 'shares add up');
select is(
  (select (capataz_test.execution(p.example_execute_id)).error_message from capataz.error_patterns() as p where p.change = 'new'),
  'disk full', 'an example is named'
);
select is_empty(
  $$select * from capataz.error_patterns() as p where to_jsonb(p)::text ~ '(disk|blank|missing|answer)'$$, 'no text is shown'
);
select is(
  (select sum(error_count) from capataz.error_patterns('2026-03-17 12:00:00', '2026-03-17 13:00:00')), 51::numeric,
  'hours are counted within their day'
);
select is(
  (select sum(error_count) from capataz.error_patterns('2026-03-10', '2026-03-18')), 88::numeric, 'so are days'
);
select is((select count(*)::integer from capataz_ops.error_deltas), 0, 'messages are gone');

-- a row deleted soon leaves, as it leaves the windows
delete from capataz.robot_execute where execute_id = (select example_execute_id from capataz.error_patterns() where change = 'new');
select capataz.fold_analytics();
select is((select error_count from capataz.error_patterns() where change = 'new'), 3::bigint, 'a deleted failure is counted no more');

-- kinds without end
select pg_temp.fail(210, 'ODD', repeat('%%s', 1));
update capataz.robot_execute set error_message = 'kind ' || translate(execute_id, '0123456789', 'ghijklmnop') where error_category = 'ODD';
select capataz.fold_analytics();
select is(
  (select count(*)::integer from capataz_ops.error_days where day = '2026-03-17' and fingerprint <> '(other)' and error_count > 0), 200,
  'a module has at most 200 kinds a day'
);
select is(
  (select sum(error_count) from capataz.error_patterns() where error_category = 'ODD'), 210::numeric, 'and none is lost'
);

select throws_ok($$select * from capataz.error_patterns('2026-03-10', '2026-03-09')$$, 'RB400', null, 'a range backwards');
select throws_ok($$select * from capataz.error_patterns('2020-03-10', '2026-03-09')$$, 'RB400', null, 'a range too long');

select is_empty(
  $$select from capataz.error_patterns(capataz.utc_now() - interval '201 days') where change is not null$$,
  'what is compared with days that are no longer kept is neither new nor growing'
);

select * from finish();
rollback;
