-- A stored report is the same whenever it is asked for, whatever happened to what it was built from.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 08:00:00');
select capataz_test.module('M') as m \gset
select capataz_test.complete_some('M', 3, 500);
select capataz_test.set_clock('2026-03-11 00:20:00');
select capataz.build_daily_report() as n \gset
select capataz.report('daily', '2026-03-10') as first \gset

delete from capataz.robot_execute;
select capataz_test.fail_some('M', 2);
select capataz.rebuild_derived();
select capataz.build_daily_report() as n \gset
select is(capataz.report('daily', '2026-03-10'), :'first'::jsonb, 'its figures stay though history is deleted');
select capataz_test.set_clock('2027-05-01 00:20:00');
select capataz.trim_windows();
select capataz.build_daily_report() as n \gset
select is(capataz.report('daily', '2026-03-10'), :'first'::jsonb, 'and a year later');
delete from capataz.robots;
delete from capataz.module_registry;
select is(capataz.report('daily', '2026-03-10'), :'first'::jsonb, 'and when the module is gone');
select * from finish();
rollback;
