-- A claim sees its own module only.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('E1') as m \gset
select capataz_test.module('E2') as m \gset
select capataz_test.robot('E1') as r \gset
select is_empty($$select * from capataz.claim_robots('E2', 10)$$, 'not the other module''s');
select is((select count(*)::integer from capataz.claim_robots('E1', 10)), 1, 'its own');

select * from finish();
rollback;
