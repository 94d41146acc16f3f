-- Tokens are for callers of the module: keys of it, roles that were granted it, operators. A producer that is tied to nothing
-- could empty the bucket of any module, or hold it in an open transaction (ADR 0021).
begin;
select plan(8);
select capataz_test.module('TokenA', '{"rate_limit": {"per_second": 0.001, "burst": 10}}') as a \gset
select capataz_test.module('TokenB') as b \gset
select capataz.issue_api_key('TokenA', 'reader', array['read']) as key \gset
create role token_producer in role capataz_producer;
create role token_tied in role capataz_producer;
create role token_worker in role capataz_worker;
create role token_operator in role capataz_operator;
create role token_gateway in role capataz_gateway;
select capataz.grant_module('TokenA', r) from unnest(array['token_tied', 'token_worker']) as r;

set local role token_producer;
select throws_ok(
  $$select capataz.take_rate_token('TokenA')$$, 'RB403', 'module "TokenA" is not granted to you', 'a producer that is tied to nothing gets none'
);
select throws_ok(
  $$select capataz.take_rate_token('TokenB')$$, 'RB403', 'module "TokenB" is not granted to you', 'whether there is a limit or not'
);
select lives_ok($$select * from capataz.submit_robot('T', '{}', 'TokenA')$$, 'it submits as before');
set local role token_tied;
select is(floor(capataz.take_rate_token('TokenA')), 9::double precision, 'one that was granted the module takes some');
set local role token_worker;
select is(floor(capataz.take_rate_token('TokenA')), 8::double precision, 'so does its worker');
set local role token_operator;
select is(floor(capataz.take_rate_token('TokenA')), 7::double precision, 'and an operator');
set local role token_gateway;
select is((select label from capataz.authenticate(:'key')), 'reader', 'a key that may only read');
select is(floor(capataz.take_rate_token('TokenA')), 6::double precision, 'takes tokens too: it is limited as others');
reset role;

select * from finish();
rollback;
