-- Waiting robots, due for a minute, that stand before all running ones of their module and priority go behind those.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('B') as m \gset
select capataz_test.robot('B', p_robot_id => 'early') as r \gset
select capataz_test.robot('B', 'LOW', 'early-low') as r \gset
select count(
  *) from capataz.submit_robot('T', p_module_name => 'B', p_available_at => '2026-03-10 12:00:06', p_robot_id => 'later'
);
select count(
  *) from capataz.submit_robot('T', p_module_name => 'B', p_available_at => '2026-03-10 14:00', p_robot_id => 'not-due'
);
select is(capataz.find_stragglers(), 0, 'nothing runs: nothing was passed');
select capataz_test.advance('10 seconds');
update capataz.robots set status = 'PROCESSING' where robot_id = 'later';
select is(capataz.find_stragglers(), 0, 'not due for a minute: the scans may still come to it');
select capataz_test.advance('1 minute');
select is(capataz.find_stragglers(), 1, 'one was passed by a robot due 6 s later');
select is((capataz.get_robot('early')).available_at, '2026-03-10 12:00:06.000001', 'it stands behind that one');
select is((capataz.get_robot('early-low')).available_at, '2026-03-10 12:00', 'other priorities are left');
select is((capataz.get_robot('not-due')).available_at, '2026-03-10 14:00', 'so is what is not due');
select is(capataz.find_stragglers(), 0, 'again: none');

select * from finish();
rollback;
