-- Executions ended, by module and minute of completed_at: the minute under way too, folded or not; quiet minutes are left out.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:10');

select capataz_test.module('Act1', '{"failure_threshold": 100}') as m \gset
select capataz_test.module('Act2') as m \gset
select is_empty($$select * from capataz.module_activity('Act1')$$, 'nothing has ended');

select capataz_test.complete_some('Act1', 3);
select capataz_test.fail_some('Act1', 2);
select capataz_test.advance('2 minutes');
select capataz_test.complete_some('Act1', 1);
select capataz_test.complete_some('Act2', 4);
select results_eq(
  $$select module_name::text, minute, completed_count, failed_count from capataz.module_activity()$$,
  $$values
    ('Act1', timestamp '2026-03-10 12:00', 3::bigint, 2::bigint),
    ('Act1', timestamp '2026-03-10 12:02', 1::bigint, 0::bigint),
    ('Act2', timestamp '2026-03-10 12:02', 4::bigint, 0::bigint)$$,
  'by module and minute'
);
select results_eq(
  $$select completed_count from capataz.module_activity('Act2')$$, $$values (4::bigint)$$, 'of one module'
);

select isnt_empty($$select from capataz_ops.module_deltas$$, 'some of it was not folded yet');
create temporary table before on commit drop as select * from capataz.module_activity();
select capataz.fold_counters();
select is_empty($$select from capataz_ops.module_deltas$$, 'now all of it is');
select set_eq('select * from capataz.module_activity()', 'select * from before', 'and the answer is the same');

select capataz_test.running('Act2') as e \gset
select capataz.cancel_robot((capataz_test.robot_of(:'e')).robot_id);
select is((select sum(completed_count + failed_count) from capataz.module_activity('Act2')), 4.0, 'CANCELLED counts nowhere');

select is((select count(*) from capataz.module_activity('Act1', 2)), 1::bigint, 'the last two minutes begin at 12:01');
select is((select count(*) from capataz.module_activity('Act1', 3)), 2::bigint, 'three at 12:00');
select is((select count(*) from capataz.module_activity('Act1', null)), 2::bigint, 'null is the default: 60');
select capataz_test.advance('58 minutes');
select is((select count(*) from capataz.module_activity('Act1')), 1::bigint, 'an hour later 12:00 is out');

select * from finish();
rollback;
