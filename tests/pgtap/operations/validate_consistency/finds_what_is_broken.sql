-- A sound database has no findings; what is broken is found, shown in the system's health, and forgotten once mended.
begin;
select plan(14);
select capataz_test.set_clock('2026-03-10 12:00:00');
update capataz_ops.walks set defined_at = '2026-01-01';

select capataz_test.module('V', '{"max_concurrency": 5}') as m \gset
select capataz_test.complete_some('V', 2);
select capataz_test.fail_some('V');
select capataz_test.running('V') as e \gset
select capataz_test.robot('V') as r \gset
select capataz.fold_counters();
create function pg_temp.health() returns text language sql as $$ select status || ': ' || detail from capataz.system_health() where check_name = 'consistency' $$;
create function pg_temp.found() returns text[] language sql as $$
  select array(select check_name || ' ' || subject from capataz_ops.findings where capataz.validate_consistency() >= 0 order by 1)
$$;
select matches(pg_temp.health(), 'not validated yet', 'never');
select is(capataz.validate_consistency(), 0, 'a sound database');
select matches(pg_temp.health(), '^OK: nothing found; 5 robots read since 2026-03-10 12:00:00', 'all robots were read');

update capataz.module_registry set error_count_24h = 7 where module_name = 'V';
update capataz_ops.module_permits set free_count = free_count + 1 where permit_id = (select min(permit_id) from capataz_ops.module_permits where module_name = 'V');
update capataz_ops.module_settings set failure_threshold = 99 where module_name = 'V';
update capataz_ops.type_minutes set completed_count = completed_count + 1 where module_name = 'V';
update capataz_ops.module_state set processed_count = 0 where module_name = 'V';
set local session_replication_role = replica;
update capataz.robots set status = 'PENDING', started_at = null where robot_id = (capataz_test.robot_of(:'e')).robot_id;
update capataz.robots set status = 'FAILED', error_category = 'X' where robot_id = (select min(robot_id) from capataz.robots where status = 'COMPLETED');
set local session_replication_role = origin;
select is(capataz.validate_consistency(), 7, 'seven things are broken');
select set_eq(
  'select check_name from capataz_ops.findings',
  array['windows', 'permits', 'settings', 'counts per type', 'totals', 'executions under way', 'ended robots'], 'one of each kind'
);
select matches(pg_temp.health(), '^CRITICAL: 7 findings; the latest: ', 'they show');
select matches((select detail from capataz_ops.findings where check_name = 'permits'), '^5 units free and 1 held make not 5', 'with words');
select is((select detail from capataz_ops.findings where check_name = 'ended robots'), 'FAILED, with a COMPLETED execution', 'also of robots that ended');
select capataz_test.advance('1 minute');
select capataz.validate_consistency();
select ok((select bool_and(first_seen_at < last_seen_at) from capataz_ops.findings), 'found again: since when');

set local session_replication_role = replica;
update capataz.robots set status = 'PROCESSING', started_at = created_at where robot_id = (capataz_test.robot_of(:'e')).robot_id;
set local session_replication_role = origin;
select capataz.rebuild_derived();
select capataz.validate_consistency();
select set_eq('select check_name from capataz_ops.findings', array['ended robots'], 'rebuild_derived mends what is derived; found nevermore');
delete from capataz.robots where robot_id in (select subject from capataz_ops.findings);
select is(capataz.validate_consistency(), 0, 'gone with its robot');
select matches(pg_temp.health(), '^OK', 'all is well');

update capataz_ops.walks set position = 'zzzz' where walk_name = 'validate_consistency';
select capataz.validate_consistency();
select ok((select position is null and ended_at is not null from capataz_ops.walks where walk_name = 'validate_consistency'), 'it goes on where it was, and starts anew at the end');
set local role capataz_viewer;
select throws_ok('select capataz.validate_consistency()', '42501', null, 'readers do not run it');
reset role;

select * from finish();
rollback;
