-- Per robot type the same as per module, however executions change: API, plain SQL, imports, deletes; rebuild_derived recomputes it.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A', p_types => array['T', 'U']) as m \gset
create function pg_temp.counts() returns text language sql as $$
  select string_agg(concat_ws('/', robot_type, completed_count, failed_count), ' ' order by robot_type) from capataz.error_rates('A')
$$;
select capataz_test.complete_some('A', 2);
select capataz_test.fail_some('A');
select is(pg_temp.counts(), 'T/2/1', 'through the API');
select capataz_test.running('A') as e \gset
update capataz.robot_execute set execution_state = 'COMPLETED' where execute_id = :'e';
select is(pg_temp.counts(), 'T/3/1', 'through plain SQL');
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status) values ('import', 'U', 'A', '{}', 'COMPLETED');
insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state, started_at, completed_at)
values (gen_random_uuid(), 'import', 'A', 'COMPLETED', capataz.utc_now(), capataz.utc_now());
select is(pg_temp.counts(), 'T/3/1 U/1/0', 'imported, its type looked up');
select is((select e.robot_type::text from capataz.robot_execute as e where e.robot_id = 'import'), 'U', 'and kept');
select capataz.fold_counters();
delete from capataz.robots where robot_id = 'import';
select is(pg_temp.counts(), 'T/3/1', 'a deleted row leaves');
select capataz.fold_counters();
select is(pg_temp.counts(), 'T/3/1', 'folded or not');
update capataz_ops.type_minutes set completed_count = 77;
update capataz_ops.type_hours set completed_count = 77;
select capataz.rebuild_derived();
select is(pg_temp.counts(), 'T/3/1', 'hours are recomputed');
select is((select sum(completed_count)::integer from capataz.throughput('A', 'T')), 3, 'and minutes');

-- executions that were begun before the column was there
select capataz_test.running('A') as e \gset
update capataz.robot_execute set robot_type = null where execute_id = :'e';
select capataz.complete_execution(:'e');
select is(pg_temp.counts(), 'T/4/1', 'one without a type is counted by its robot''s');

select * from finish();
rollback;
