-- A revoked key is refused at once and stays in the list (ADR 0020).
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('RvkA') as a \gset
select capataz.issue_api_key('RvkA', 'app', array['read']) as key \gset
select split_part(:'key', '_', 2) as id \gset

select ok(capataz.revoke_api_key(:'id'), 'it was valid until now');
select throws_ok(format('select * from capataz.verify_api_key(%L)', :'key'), 'RB401', 'the API key is not valid', 'and is not any more');
select ok(not capataz.revoke_api_key(:'id'), 'a second time changes nothing');
select is((select revoked_at from capataz.list_api_keys('RvkA')), '2026-03-10 12:00:00', 'the list says when');
select capataz.rebuild_derived();
select throws_ok(
  format('select * from capataz.verify_api_key(%L)', :'key'), 'RB401', 'the API key is not valid', 'derived state rebuilt, it stays revoked'
);
select throws_ok($$select capataz.revoke_api_key('feedfeedfeedfeed')$$, 'RB404', 'no API key "feedfeedfeedfeed"', 'an unknown id');
select throws_ok($$select capataz.revoke_api_key(null)$$, 'RB400', 'key_id is required', 'no id');
-- plain SQL
update capataz.module_registry set registration_data = registration_data - 'api_keys' where module_name = 'RvkA';
select is_empty($$select * from capataz.list_api_keys('RvkA')$$, 'a key that is removed from the registration is gone');

select * from finish();
rollback;
