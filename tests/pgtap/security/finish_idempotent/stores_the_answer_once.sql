-- An answer belongs to a request under way, and is stored once; a day later the minute job drops it (ADR 0023).
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('IdemC') as a \gset
create role idem_test_gateway in role capataz_gateway;
select capataz.issue_api_key('IdemC', 'one', array['submit']) as key \gset

set local role idem_test_gateway;
select throws_ok($$select capataz.finish_idempotent('k', '{}')$$, 'RB401', null, 'no API key, no answer');
select is((select label from capataz.authenticate(:'key')), 'one', 'a key that may submit');
select throws_ok($$select capataz.finish_idempotent('k', '{}')$$, 'RB404', null, 'no request is under way');
select is(capataz.begin_idempotent('k', 'f', repeat('a', 64)), null, 'a request begins');
select throws_ok($$select capataz.finish_idempotent('k', null)$$, 'RB400', 'response is required', 'null is no answer');
select lives_ok($$select capataz.finish_idempotent('k', '{}')$$, 'it gets its answer');
select throws_ok($$select capataz.finish_idempotent('k', '{"other": 1}')$$, 'RB404', null, 'and no second one');

reset role;
select capataz_test.advance('24 hours');
select capataz.fold_counters();
select is_empty('select from capataz_ops.idempotency_keys', 'a day later the minute job has dropped it');

select * from finish();
rollback;
