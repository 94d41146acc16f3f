-- burst tokens at once, per_second more with time, and RB429 that says when to come back (specification 5.1, ADR 0021).
begin;
select plan(20);
-- the time of the bucket goes on within the transaction: stand it still
create or replace function capataz_ops._moment() returns timestamp language sql volatile set search_path = pg_catalog, pg_temp
  as 'select capataz.utc_now()';
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('RateA', '{"rate_limit": {"per_second": 2, "burst": 5}}') as a \gset
select capataz_test.module('RateFree') as b \gset
create role rate_test_worker in role capataz_worker;

select is(capataz.take_rate_token('RateFree'), null::double precision, 'without a limit there is nothing to count');
select is(capataz.take_rate_token('RateA'), 4::double precision, 'the bucket is full at first');
select is(capataz.take_rate_token('RateA', 3), 1::double precision, 'a call may cost more than one');
select throws_ok(
  $$select capataz.take_rate_token('RateA', 2)$$, 'RB429', 'module "RateA" has reached its rate limit', 'more than is left is refused'
);
select is(capataz_test.error_part($$select capataz.take_rate_token('RateA', 2)$$, 'detail'), 'retry_after_seconds is 0.5.', 'and says when to come back');
select is(capataz_test.error_part($$select capataz.take_rate_token('RateA', 2)$$, 'hint'), 'Try again in 0.5 s.', 'in words too');
select is(capataz.take_rate_token('RateA'), 0::double precision, 'a refusal takes nothing');
select capataz_test.advance('500 milliseconds');
select is(capataz.take_rate_token('RateA'), 0::double precision, 'half a second brings one');
select capataz_test.advance('1 hour');
select is(capataz.take_rate_token('RateA'), 4::double precision, 'the bucket holds no more than burst');
select capataz_test.set_clock('2026-03-10 11:00:00');
select is(capataz.take_rate_token('RateA'), 3::double precision, 'a clock that is set back brings nothing');
select capataz_test.advance('1 second');
select is(capataz.take_rate_token('RateA'), 4::double precision, 'and time goes on from there');
select is(capataz.take_rate_token('RateA', 0.5), 3.5::double precision, 'a cost may be a fraction');
select capataz.register_module('RateA', '1.0', array['T'], p_registration_data => '{"rate_limit": {"per_second": 10, "burst": 2}}');
select is(capataz.take_rate_token('RateA'), 1::double precision, 'a smaller limit holds at once');
select capataz.register_module('RateA', '1.0', array['T'], p_registration_data => '{"rate_limit": null}');
select is(capataz.take_rate_token('RateA'), null::double precision, 'without it there is none');

select throws_ok($$select capataz.take_rate_token('RateNone')$$, 'RB404', 'no module "RateNone"', 'an unknown module');
select throws_ok($$select capataz.take_rate_token(null)$$, 'RB400', 'module_name is required', 'no module');
select throws_ok($$select capataz.take_rate_token('RateA', 0)$$, 'RB400', 'cost is out of range', 'nothing costs nothing');
select throws_ok($$select capataz.take_rate_token('RateA', 'NaN')$$, 'RB400', 'cost is out of range', 'NaN is no cost');
select capataz.register_module('RateA', '1.0', array['T'], p_registration_data => '{"rate_limit": {"per_second": 10, "burst": 2}}');
select throws_ok($$select capataz.take_rate_token('RateA', 3)$$, 'RB400', 'cost is more than the bucket holds', 'what can never be had is no matter of waiting');
set local role rate_test_worker;
select throws_ok($$select capataz.take_rate_token('RateA')$$, 'RB403', 'module "RateA" is not yours', 'nobody empties the bucket of another');
reset role;

select * from finish();
rollback;
