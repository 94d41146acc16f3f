-- Keys that a change does not concern are not written: who checks one of them waits for nobody, and no dead row is left
-- (specification 5.1, ADR 0020).
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('KeyA') as a \gset
select split_part(capataz.issue_api_key('KeyA', 'one', array['read']), '_', 2) as one \gset
select split_part(capataz.issue_api_key('KeyA', 'two', array['submit', 'work'], '2026-06-01'), '_', 2) as two \gset

-- where each key is: every version of a row has a place of its own
create temporary table places as
select k.key_id, k.ctid as place
from capataz_ops.api_keys as k;

create function pg_temp.moved() returns text[] language sql as $$
  select array(
    select k.label
    from capataz_ops.api_keys as k
    join places as p on p.key_id = k.key_id
    where p.place <> k.ctid
    order by k.label
  )
$$;

select is((select count(*)::integer from places), 2, 'there are two keys');
select lives_ok($$select capataz.issue_api_key('KeyA', 'three', array['read'])$$, 'a third one is issued');
select is(pg_temp.moved(), '{}', 'which writes no other key');
select lives_ok($$select capataz.register_module('KeyA', '1.0', array['T'], 'test', p_registration_data => '{"owner": "x"}')$$, 'the module is registered again');
select is(pg_temp.moved(), '{}', 'which writes no key');
select lives_ok('select capataz.rebuild_derived()', 'what is derived is computed again');
select is(pg_temp.moved(), '{}', 'which writes no key that is as it should be');
select lives_ok(
  $$update capataz.module_registry
    set registration_data = jsonb_set(registration_data, '{api_keys}', registration_data -> 'api_keys' || '{"x": 1}')
    where module_name = 'KeyA'$$,
  'keys are written by plain SQL'
);
select is(pg_temp.moved(), '{}', 'of which those that are equal are not written');
select capataz.revoke_api_key(:'two') as revoked \gset
select is(pg_temp.moved(), array['two'], 'a key that is revoked is written, and no other');
select is(
  (select array_agg(k.revoked_at is not null order by k.label) from capataz_ops.api_keys as k), array[false, false, true],
  'it alone is revoked'
);

select * from finish();
rollback;
