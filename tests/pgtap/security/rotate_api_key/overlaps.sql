-- A new key with the same label and scopes; the old one lives on for the overlap, never longer than before (ADR 0020).
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('RotA') as a \gset
select capataz.issue_api_key('RotA', 'app', array['work', 'read']) as key \gset
select capataz.rotate_api_key(split_part(:'key', '_', 2), 3600) as next_key \gset

select results_eq(
  format('select label, scopes, expires_at from capataz.verify_api_key(%L)', :'next_key'),
  $$values ('app', array['work', 'read'], null::timestamp)$$, 'the new key is like the old one'
);
select is((select expires_at from capataz.verify_api_key(:'key')), '2026-03-10 13:00:00', 'which lives on for an hour');
select capataz_test.advance('1 hour');
select throws_ok(format('select * from capataz.verify_api_key(%L)', :'key'), 'RB401', 'the API key is not valid', 'and then no longer');
select lives_ok(format('select * from capataz.verify_api_key(%L)', :'next_key'), 'the new one does');
select throws_ok(
  format('select capataz.rotate_api_key(%L)', split_part(:'key', '_', 2)), 'RB409',
  format('API key "%s" is no longer valid', split_part(:'key', '_', 2)), 'an expired key is not rotated'
);
select capataz.issue_api_key('RotA', 'short', array['read'], '2026-03-10 13:10:00') as short_key \gset
select capataz.rotate_api_key(split_part(:'short_key', '_', 2), 3600, '2026-04-01') as third \gset
select is((select expires_at from capataz.verify_api_key(:'short_key')), '2026-03-10 13:10:00', 'an overlap prolongs nothing');
select is((select expires_at from capataz.verify_api_key(:'third')), '2026-04-01', 'the new one has its own time');
select capataz.rotate_api_key(split_part(:'third', '_', 2), 0) as fourth \gset
select throws_ok(format('select * from capataz.verify_api_key(%L)', :'third'), 'RB401', 'the API key is not valid', 'no overlap ends it now');
select is((select expires_at from capataz.verify_api_key(:'fourth')), '2026-04-01', 'its successor lives as long as it was to live');
select capataz_test.advance('2 days');
select capataz.rotate_api_key(split_part(:'fourth', '_', 2)) as fifth \gset
select is((select expires_at from capataz.verify_api_key(:'fifth')), '2026-04-03', 'counted from its own issue');
select throws_ok(format('select capataz.rotate_api_key(%L, -1)', split_part(:'fourth', '_', 2)), 'RB400', 'overlap_seconds is out of range', 'no negative time');
select throws_ok($$select capataz.rotate_api_key('feedfeedfeedfeed')$$, 'RB404', 'no API key "feedfeedfeedfeed"', 'an unknown id');
select is((select count(*)::integer from capataz.list_api_keys('RotA')), 6, 'the list shows them all');

select * from finish();
rollback;
