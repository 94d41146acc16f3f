-- Off without retention_days; then ended robots and their executions go so many days after their end; totals and windows stay.
begin;
select plan(17);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Keep') as m \gset
select capataz_test.module('Purge') as m \gset
select capataz_test.complete_some('Keep', 3);
select capataz_test.complete_some('Purge', 3);
select capataz_test.fail_some('Purge', 2);
select capataz_test.robots('Purge', 1, '{"available_at": "2027-01-01T00:00:00"}');
select capataz_test.advance('40 days');
select capataz_test.complete_some('Purge', 1);
select capataz.fold_counters();
create function pg_temp.left_of(p_module text) returns bigint language sql as $$ select count(*) from capataz.robots where module_name = p_module $$;
select is(capataz.purge_history(), 0, 'off by default');
select capataz_test.module('Purge', '{"retention_days": 30}') as m \gset
select is((select retention_days from capataz_ops.module_settings where module_name = 'Purge'), 30, 'a setting of the module');
select is(capataz.purge_history(), 5, 'five ended 40 days ago');
select is(pg_temp.left_of('Purge'), 2::bigint, 'what waits and what ended lately stays');
select is(pg_temp.left_of('Keep'), 3::bigint, 'other modules keep all');
select is((select count(*)::integer from capataz.robot_execute as e where e.module_name = 'Purge'), 1, 'executions went along');
select capataz.fold_counters();
select is((capataz_test.module_row('Purge')).total_robots_processed, 6, 'totals stay');
select is((select sum(completed_count) from capataz.error_rates('Purge', 2000)), 4::numeric, 'hours too');
select is((capataz_test.module_row('Purge')).success_rate_24h, 100.00, 'and the window');
select capataz_test.advance('31 days');
select is(capataz.purge_history(), 1, 'next month the next one');
select is(capataz.purge_history(), 0, 'a round an hour');
select capataz_test.module('Keep', '{"retention_days": 1}') as m \gset
select capataz_test.complete_some('Keep', 1);
select capataz_test.advance('25 hours');
select is(capataz.purge_history(), 3, 'a day is 26 hours at least');
select is(pg_temp.left_of('Keep'), 1::bigint, 'so that the windows stay whole');
select throws_ok(
  $$select capataz_test.module('Keep', '{"retention_days": 0}')$$, 'RB400', 'registration_data.retention_days is not usable', 'no days at all'
);


-- what a module does no longer goes as well
select capataz_test.module('Old', '{"retention_days": 5}', array['WAS']) as m \gset
select capataz_test.robots('Old', 2, '{"robot_type": "WAS"}');
select count(*) from capataz.complete_executions((
  select jsonb_agg(jsonb_build_object('execute_id', c.execute_id)) from capataz.claim_robots('Old', 2) as c
));
select capataz.fold_counters();
select capataz_test.module('Old', '{"retention_days": 5}', array['IS']) as m \gset
select capataz_test.advance('6 days');
select capataz.purge_history();
select is(pg_temp.left_of('Old'), 0::bigint, 'robots of a type that the module no longer supports go too');

-- what was purged stays in the figures when they are rebuilt
select capataz_test.module('Short', '{"retention_days": 1, "failure_threshold": 1000}') as m \gset
select capataz_test.complete_some('Short', 7);
select capataz_test.fail_some('Short', 3);
select capataz_test.advance('27 hours');
select capataz_test.complete_some('Short', 1);
select capataz.fold_counters(), capataz.fold_analytics();
create function pg_temp.figures() returns text language sql as $$
  select concat_ws(' ',
    (select row(sum(f.completed_count), sum(f.failed_count), count(*)) from capataz_ops.type_hours as f where f.module_name = 'Short'),
    (select row(sum(f.completed_count), sum(f.failed_count), count(*)) from capataz_ops.type_days as f where f.module_name = 'Short'),
    (select row(sum(f.completed_count), sum(f.failed_count), count(*)) from capataz_ops.type_minutes as f where f.module_name = 'Short'),
    (select row(sum(f.completed_count), sum(f.failed_count), count(*)) from capataz_ops.module_minutes as f where f.module_name = 'Short'),
    (select sum(f.error_count) from capataz_ops.error_days as f where f.module_name = 'Short'),
    (select sum(f.bucket_count) from capataz_ops.module_histograms as f where f.module_name = 'Short'))
$$;
create temporary table before on commit drop as select pg_temp.figures() as figures;
select capataz.purge_history();
select is(pg_temp.left_of('Short'), 1::bigint, 'all but the last are purged');
select capataz.rebuild_derived();
select is(pg_temp.figures(), (select figures from before), 'and stay in every figure, rebuilt or not');

select * from finish();
rollback;
