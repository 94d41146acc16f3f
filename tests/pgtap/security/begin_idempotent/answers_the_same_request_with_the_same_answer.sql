-- A request that was answered within 24 hours gets that answer again; another request under its key is refused (ADR 0023).
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('IdemA') as a \gset
create role idem_test_gateway in role capataz_gateway;
select capataz.issue_api_key('IdemA', 'one', array['submit']) as key \gset
select capataz.issue_api_key('IdemA', 'two', array['submit']) as other_key \gset
select capataz.issue_api_key('IdemA', 'reader', array['read']) as read_key \gset
select repeat('a', 64) as request, repeat('b', 64) as other_request \gset

set local role idem_test_gateway;
select throws_ok(
  format('select capataz.begin_idempotent(%L, %L, %L)', 'k1', 'submit_robot', :'request'), 'RB401', null, 'no API key, no answer'
);
select is((select label from capataz.authenticate(:'read_key')), 'reader', 'a key that may only read');
select throws_ok(
  format('select capataz.begin_idempotent(%L, %L, %L)', 'k1', 'submit_robot', :'request'), 'RB403', null, 'submits nothing'
);
select is((select label from capataz.authenticate(:'key')), 'one', 'a key that may submit');
select is(capataz.begin_idempotent('k1', 'submit_robot', :'request'), null, 'a new request is to be carried out');
select lives_ok($$select capataz.finish_idempotent('k1', '{"robot_id": "r1"}')$$, 'its answer is stored');
select is(
  capataz.begin_idempotent('k1', 'submit_robot', :'request'), '{"robot_id": "r1"}', 'the same request gets the same answer'
);
select throws_ok(
  format('select capataz.begin_idempotent(%L, %L, %L)', 'k1', 'submit_robot', :'other_request'),
  'RB409', 'the idempotency key was used for another request', 'other arguments under this key are refused'
);
select throws_ok(
  format('select capataz.begin_idempotent(%L, %L, %L)', 'k1', 'submit_robots', :'request'),
  'RB409', 'the idempotency key was used for another request', 'another function too'
);
select is((select label from capataz.authenticate(:'other_key')), 'two', 'another API key');
select is(capataz.begin_idempotent('k1', 'submit_robot', :'other_request'), null, 'has idempotency keys of its own');

reset role;
select capataz_test.advance('24 hours');
set local role idem_test_gateway;
select is((select label from capataz.authenticate(:'key')), 'one', 'the first key again, a day later');
select is(
  capataz.begin_idempotent('k1', 'submit_robot', :'other_request'), null, 'after 24 hours the key may be used anew'
);

select * from finish();
rollback;
