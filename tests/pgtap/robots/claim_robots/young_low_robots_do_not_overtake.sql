-- A robot takes part in the share of the aged only after priority_aging_seconds.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('F2', '{"priority_aging_seconds": 600}') as m \gset
select capataz_test.robot('F2', 'LOW', 'low') as r \gset
select capataz_test.advance('600 seconds');
select capataz_test.robots('F2', 40);
select is(
  (select count(*)::integer from capataz.claim_robots('F2', 30) where priority = 'LOW'), 0, 'after 600 s exactly: not yet'
);
select capataz_test.advance('1 second');
select is((select count(*)::integer from capataz.claim_robots('F2', 10) where priority = 'LOW'), 1, 'after 601 s');

select * from finish();
rollback;
