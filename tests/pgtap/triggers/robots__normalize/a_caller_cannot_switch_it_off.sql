-- A caller who writes the id of his own transaction into the settings changes nothing in what the API does (ADR 0008).
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('B') as m \gset
create function pg_temp.hostile() returns void language sql as $$
  select set_config('capataz.paired', pg_current_xact_id()::text, true), set_config('capataz.derived', pg_current_xact_id()::text, true)
$$;
select capataz_test.running('B') as e1 \gset
select capataz_test.running('B') as e2 \gset
select capataz_test.running('B') as e3 \gset
select pg_temp.hostile();
select capataz.fail_execution(:'e1', 'x');
select is((capataz_test.robot_of(:'e1')).retry_count, 1, 'fail');
select pg_temp.hostile();
select capataz.release_robots(array[:'e2']);
select is((capataz_test.robot_of(:'e2')).started_at, null, 'release');
select pg_temp.hostile();
select capataz.report_progress(:'e3', p_completed_steps => 1, p_total_steps => 4);
select is((capataz_test.execution(:'e3')).progress_percentage::integer, 25, 'report');
select pg_temp.hostile();
select capataz.cancel_robot((capataz_test.robot_of(:'e3')).robot_id);
select is((capataz_test.execution(:'e3')).execution_state::text, 'CANCELLED', 'cancel');
select ok(capataz_test.is_coupled('B'), 'coupled');

select * from finish();
rollback;
