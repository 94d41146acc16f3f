-- A key is shown when it is issued; what is stored cannot be used to call (specification 5.1, ADR 0020).
begin;
select plan(16);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('KeyA', '{"owner": "legal"}') as a \gset
select capataz.issue_api_key('KeyA', 'billing app', array['read', 'submit'], '2026-06-01') as key \gset

select matches(:'key'::text, '^cpz_[0-9a-f]{16}_[0-9a-f]{64}$', 'a key is cpz_, an id, and 256 random bits');
select isnt(capataz.issue_api_key('KeyA', 'billing app', array['read']), :'key'::text, 'no two keys are equal');
select is(
  (select registration_data -> 'api_keys' -> split_part(:'key', '_', 2) from capataz.module_registry where module_name = 'KeyA'),
  jsonb_build_object(
    'label', 'billing app', 'hash', encode(sha256(:'key'::bytea), 'hex'), 'scopes', array['submit', 'read'],
    'created_at', '2026-03-10T12:00:00', 'expires_at', '2026-06-01T00:00:00', 'revoked_at', null
  ),
  'registration_data.api_keys has its hash, scopes and times'
);
select is(
  (select count(*)::integer from capataz.module_registry where registration_data::text ~ split_part(:'key', '_', 3)), 0,
  'and nothing from which the key could be told'
);
select results_eq(
  format('select module_name::text, label, scopes, expires_at from capataz_ops.api_keys where key_id = %L', split_part(:'key', '_', 2)),
  $$values ('KeyA', 'billing app', array['submit', 'read'], '2026-06-01'::timestamp)$$,
  'it is typed for look-ups'
);
select is(
  (capataz.register_module('KeyA', '2', array['T'])).registration_data, '{"owner": "legal", "retry_policy": {"jitter": 0}, "breaker": {"cooldown_seconds": 0}}'::jsonb,
  'register_module never returns the keys'
);
select is((capataz.deactivate_module('KeyA')).registration_data ? 'api_keys', false, 'nor does deactivate_module');
select is((capataz.activate_module('KeyA')).registration_data ? 'api_keys', false, 'nor does activate_module');
select is((select count(*)::integer from capataz.list_api_keys('KeyA')), 2, 'to register again keeps them');
select throws_ok(
  $$select capataz.register_module('KeyA', '2', array['T'], p_registration_data => '{"api_keys": {}}')$$, 'RB400',
  'registration_data.api_keys is reserved', 'nobody brings keys of his own'
);
select throws_ok($$select capataz.issue_api_key('KeyNone', 'x', array['read'])$$, 'RB404', 'no module "KeyNone"', 'the module must exist');
select throws_ok($$select capataz.issue_api_key('KeyA', '', array['read'])$$, 'RB400', 'label must have 1 to 100 characters', 'a label is needed');
select throws_ok($$select capataz.issue_api_key('KeyA', 'x', '{}')$$, 'RB400', 'scopes is not usable', 'a scope is needed');
select throws_ok($$select capataz.issue_api_key('KeyA', 'x', null)$$, 'RB400', 'scopes is not usable', 'also null is none');
select throws_ok($$select capataz.issue_api_key('KeyA', 'x', array['root'])$$, 'RB400', 'scopes is not usable', 'only known scopes');
select throws_ok(
  $$select capataz.issue_api_key('KeyA', 'x', array['read'], '2026-03-10 12:00:00')$$, 'RB400',
  'expires_at must be a finite time in the future', 'a key is not born expired'
);

select * from finish();
rollback;
