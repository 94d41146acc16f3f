-- RB400 names the argument.
begin;
select plan(6);
select capataz_test.module('IdemB') as a \gset
create role idem_test_gateway in role capataz_gateway;
select capataz.issue_api_key('IdemB', 'one', array['submit']) as key \gset

set local role idem_test_gateway;
select is((select label from capataz.authenticate(:'key')), 'one', 'a key that may submit');
select throws_ok($$select capataz.begin_idempotent('', 'f', repeat('a', 64))$$, 'RB400', 'idempotency_key must have 1 to 255 characters', 'empty');
select throws_ok(
  $$select capataz.begin_idempotent(repeat('k', 256), 'f', repeat('a', 64))$$,
  'RB400', 'idempotency_key must have 1 to 255 characters', 'too long'
);
select throws_ok($$select capataz.begin_idempotent('k', null, repeat('a', 64))$$, 'RB400', 'function_name is required', 'no function');
select throws_ok(
  $$select capataz.begin_idempotent('k', 'f', 'A')$$, 'RB400', 'request_sha256 must have 64 hexadecimal digits', 'no hash'
);
select throws_ok(
  $$select capataz.begin_idempotent('k', 'f', null)$$, 'RB400', 'request_sha256 must have 64 hexadecimal digits', 'null'
);

select * from finish();
rollback;
