-- Unknown, expired, revoked, malformed or no key: the same words; the last use is kept to the minute (ADR 0020).
begin;
select plan(16);
select capataz_test.set_clock('2026-03-10 12:00:30');
select capataz_test.module('VerA') as a \gset
select capataz.issue_api_key('VerA', 'app', array['work'], '2026-03-10 13:00:00') as key \gset

select results_eq(
  format('select module_name, label, scopes, expires_at from capataz.verify_api_key(%L)', :'key'),
  $$values ('VerA', 'app', array['work'], '2026-03-10 13:00:00'::timestamp)$$, 'a valid key says whose it is'
);
select is((select last_used_at from capataz.list_api_keys('VerA')), '2026-03-10 12:00:00', 'its use is noted, to the minute');
select capataz_test.advance('61 seconds');
select is((select module_name from capataz.verify_api_key(:'key')), 'VerA', 'used again a minute later');
select is((select last_used_at from capataz.list_api_keys('VerA')), '2026-03-10 12:01:00', 'that is noted too');
select is(
  (select updated_at from capataz.module_registry where module_name = 'VerA'), '2026-03-10 12:00:30',
  'the row of the module is not written'
);

select throws_ok(format('select * from capataz.verify_api_key(%L)', k.given), 'RB401', 'the API key is not valid', k.why)
from (
  values
    (1, null, 'no key'),
    (2, '', 'an empty key'),
    (3, 'cpz_0123456789abcdef_' || repeat('0', 64), 'an unknown id'),
    (4, left(:'key', -1) || '_', 'a wrong secret of a known id'),
    (5, upper(:'key'), 'another spelling'),
    (6, :'key' || ' ', 'a space behind'),
    (7, ' ' || :'key', 'a space before'),
    (8, 'cpz_' || repeat('x', 100000), 'a very long one'),
    (9, encode(sha256(:'key'::bytea), 'hex'), 'the hash that is stored')
) as k (place, given, why)
order by k.place;
select capataz_test.set_clock('2026-03-10 12:59:59');
select lives_ok(format('select * from capataz.verify_api_key(%L)', :'key'), 'a second before it expires it is valid');
select capataz_test.set_clock('2026-03-10 13:00:00');
select throws_ok(
  format('select * from capataz.verify_api_key(%L)', :'key'), 'RB401', 'the API key is not valid', 'then it is not'
);

select * from finish();
rollback;
