-- Counts by status, percent ended, and an end expected from the rate so far.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Q') as m \gset
select capataz_test.robots('Q', 8, '{"correlation_id": "b", "retry_limit": 1}');
select results_eq(
  $$select correlation_id::text, total, pending, processing, retrying, completed, failed, percent, eta from capataz.batch_progress('b')$$,
  $$values ('b', 8::bigint, 8::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0.00, null::timestamp)$$, 'nothing has begun: no expected end'
);
create temporary table c on commit drop as select c.*, row_number() over () as n from capataz.claim_robots('Q', 5) as c;
select capataz_test.advance('1 minute');
select capataz.complete_execution((select execute_id from c where n = 1));
select capataz.fail_execution((select execute_id from c where n = 2), 'x', 'VALIDATION');
select capataz.fail_execution((select execute_id from c where n = 3), 'x');
select results_eq(
  $$select total, pending, processing, retrying, completed, failed, percent, eta from capataz.batch_progress('b')$$,
  $$values (8::bigint, 3::bigint, 2::bigint, 1::bigint, 1::bigint, 1::bigint, 25.00, '2026-03-10 12:04'::timestamp)$$, 'two of eight in a minute: three minutes more'
);
select capataz_test.advance('1 hour');
select capataz.complete_execution(execute_id) from capataz.claim_robots('Q', 10);
select capataz_test.advance('1 hour');

select throws_ok(
  $$select capataz.complete_execution((select execute_id from c where n = 4))$$, 'RB409', null, 'two timed out meanwhile'
);
select throws_ok($$select * from capataz.batch_progress('nobody')$$, 'RB404', null, 'unknown');
select throws_ok($$select * from capataz.batch_progress(null)$$, 'RB400', 'correlation_id is required', 'null');

select * from finish();
rollback;
