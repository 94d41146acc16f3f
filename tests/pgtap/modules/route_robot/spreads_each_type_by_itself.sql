-- However calls for several types alternate, each type is spread by itself: 89 is a number of Fibonacci, whose multiples of the
-- golden ratio nearly repeat (ADR 0018).
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select count(capataz_test.module('Even ' || g, '{}', array['RARE', 'OFTEN'])) from generate_series(1, 5) as g;
create temporary table chosen on commit drop as
select capataz.route_robot('RARE') as module_name, (
    select count(capataz.route_robot('OFTEN')) from generate_series(1, 88 + 0 * g) as h
  ) as others
from generate_series(1, 100) as g;
select is((select sum(others)::integer from chosen), 8800, 'the other type takes 88 turns between any two');
select results_eq(
  'select count(*) between 18 and 22 from chosen group by module_name', 'select true from generate_series(1, 5)',
  'each of five gets about a fifth'
);

select * from finish();
rollback;
