-- The scan hints kept in session settings may be lost, shared or nonsense: every robot is still claimed, once.
begin;
select plan(4);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('K') as m \gset
select capataz_test.robots('K', 30);
select is((select count(*)::integer from capataz.claim_robots('K', 10)), 10, 'ten');
select set_config('capataz.scan_' || to_hex(hashtext('K')), '', false);
select set_config('capataz.given_' || to_hex(hashtext('K')), '', false);
select is((select count(*)::integer from capataz.claim_robots('K', 10)), 10, 'ten without hints');
select set_config('capataz.scan_' || to_hex(hashtext('K')), 'nonsense', false);
select set_config('capataz.given_' || to_hex(hashtext('K')), 'nonsense', false);
select is(capataz_test.outcome($$select * from capataz.claim_robots('K', 5)$$), 'ok', 'nonsense in them harms nothing');
select set_config('capataz.scan_' || to_hex(hashtext('K')), '', false);
select set_config('capataz.given_' || to_hex(hashtext('K')), '', false);
select is((select count(*)::integer from capataz.claim_robots('K', 100)), 10, 'the rest');

select * from finish();
rollback;
