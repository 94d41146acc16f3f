-- A robot that waits for its retry costs a claim nothing and is given when it is due.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('J') as m \gset
select capataz_test.running('J') as e \gset
select capataz.fail_execution(:'e', 'x');
select capataz_test.advance('4.999 seconds');
select is_empty($$select * from capataz.claim_robots('J')$$, 'before 5 s');
select capataz_test.advance('1 millisecond');
select results_eq($$select attempt from capataz.claim_robots('J')$$, 'values (2)', 'at 5 s');

select * from finish();
rollback;
