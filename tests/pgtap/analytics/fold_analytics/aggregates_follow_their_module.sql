-- What is added up per module follows a renamed one, goes with a deleted one, and is dropped after 400 days.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('M') as m \gset
create function pg_temp.counts(p_name text) returns text language sql as $$
  select concat_ws(
    ' ',
    (select count(*) from capataz_ops.type_days where module_name = p_name),
    (select count(*) from capataz_ops.step_days where module_name = p_name),
    (select count(*) from capataz_ops.error_days where module_name = p_name),
    (select count(*) from capataz_ops.step_deltas where module_name = p_name),
    (select count(*) from capataz_ops.error_deltas where module_name = p_name)
  )
$$;
create function pg_temp.fail() returns void language plpgsql as $$
declare
  v_execute_id text := capataz_test.running('M');
begin
  perform capataz.report_progress(v_execute_id, p_current_step => 'load');
  perform capataz.fail_execution(v_execute_id, 'it broke', p_retryable => false);
end
$$;
select pg_temp.fail();
select capataz.fold_counters(), capataz.fold_analytics();
select pg_temp.fail();
select is(pg_temp.counts('M'), '1 1 1 1 1', 'folded and not folded');
delete from capataz.robots;
alter table capataz.robots drop constraint robots_module_name_fkey;
update capataz.module_registry set module_name = 'N', module_id = 'N_1.0_test' where module_name = 'M';
select is(pg_temp.counts('M') || ', ' || pg_temp.counts('N'), '0 0 0 0 0, 1 1 1 1 3', 'they follow the name');
select capataz.fold_analytics();
select is(pg_temp.counts('N'), '1 1 1 0 0', 'and are folded there');
select is((select sum(error_count) from capataz_ops.error_days), 0::numeric, 'both failures were deleted within a day');
delete from capataz.module_registry where module_name = 'N';
select is(pg_temp.counts('N'), '0 0 0 0 0', 'they go with the module');

select capataz_test.module('M');
select pg_temp.fail();
select capataz.fold_counters(), capataz.fold_analytics();
select capataz_test.advance('402 days');
select capataz.trim_windows();
select is(pg_temp.counts('M'), '0 0 0 0 0', 'after 400 days they are dropped');
select * from finish();
rollback;
