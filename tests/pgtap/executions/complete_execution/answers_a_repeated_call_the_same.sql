-- A repeated call, its first answer lost, returns the same status and changes nothing; another ending is RB409.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('C') as m \gset
select capataz_test.running('C') as e \gset
select capataz.complete_execution(:'e', '{"v": 1}');
select capataz.fold_counters();
select capataz_test.advance('1 minute');
select is(capataz.complete_execution(:'e', '{"v": 2}')::text, 'COMPLETED', 'the same answer');
select is((capataz_test.robot_of(:'e')).output_data, '{"v": 1}'::jsonb, 'the first output stays');
select is((capataz_test.robot_of(:'e')).completed_at, '2026-03-10 12:00', 'and the first end');
select is((capataz_test.robot_of(:'e')).updated_at, '2026-03-10 12:00', 'the row is not written');
select capataz.fold_counters();
select is((capataz_test.module_row('C')).total_robots_processed, 1, 'it counts once');
select throws_ok(format('select capataz.fail_execution(%L, %L)', :'e', 'x'), 'RB409', null, 'failing what completed is RB409');
select is(
  capataz_test.error_part(format('select capataz.fail_execution(%L, %L)', :'e', 'x'), 'detail'), 'execution_state is COMPLETED.', 'with the state in DETAIL'
);
select is(capataz.release_robots(array[:'e']), 0, 'releasing it does nothing');

select * from finish();
rollback;
