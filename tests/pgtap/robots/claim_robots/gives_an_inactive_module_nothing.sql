-- Nothing for an inactive module; what runs may finish; activating lets work flow again.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('D') as m \gset
select capataz_test.running('D') as e \gset
select capataz_test.robot('D', p_robot_id => 'd-1') as r \gset
select capataz.deactivate_module('D', 'maintenance');
select is_empty($$select * from capataz.claim_robots('D', 10)$$, 'nothing');
select is(capataz.complete_execution(:'e')::text, 'COMPLETED', 'what ran completes');
select capataz.activate_module('D');
select results_eq($$select robot_id::text from capataz.claim_robots('D', 10)$$, $$values ('d-1')$$, 'active again');

select * from finish();
rollback;
