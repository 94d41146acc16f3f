-- The robot's row; RB404 for an unknown one.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('O') as m \gset
select capataz_test.robot('O', p_robot_id => 'o-1') as r \gset
select row_eq($$select (capataz.get_robot('o-1')).*$$, (select r from capataz.robots as r where r.robot_id = 'o-1'), 'the row');
select throws_ok($$select capataz.get_robot('nobody')$$, 'RB404', 'no robot "nobody"', 'unknown');
select throws_ok('select capataz.get_robot(null)', 'RB400', 'robot_id is required', 'null');
select throws_ok($$select capataz.get_robot(repeat('x', 51))$$, 'RB400', null, '51 characters');
select throws_ok(
  $$select capataz.get_robot('''; drop table capataz.robots; --')$$, 'RB404', null, 'a fragment of SQL is an unknown id'
);

select * from finish();
rollback;
