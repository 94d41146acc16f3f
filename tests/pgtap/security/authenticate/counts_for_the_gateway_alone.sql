-- The principal that authenticate sets limits the gateway to a key, and gives nothing to anybody else (ADR 0020).
begin;
select plan(17);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('AuthA') as a \gset
select capataz_test.module('AuthB') as b \gset
create role auth_test_gateway in role capataz_gateway;
create role auth_test_worker in role capataz_worker;
create role auth_test_both in role capataz_gateway, capataz_operator;
select capataz.issue_api_key('AuthA', 'app', array['submit']) as key \gset
select capataz.issue_api_key('AuthA', 'boss', array['admin']) as admin_key \gset
select key_hash as hash, key_id as id from capataz_ops.api_keys where label = 'app' and module_name = 'AuthA' \gset

set local role auth_test_gateway;
select throws_ok($$select * from capataz.submit_robot('T', '{}', 'AuthA')$$, 'RB401', 'the API key is not valid', 'no key, no call');
select throws_ok($$select * from capataz.authenticate('cpz_x')$$, 'RB401', 'the API key is not valid', 'a bad key is none');
select is((select label from capataz.authenticate(:'key')), 'app', 'a good one is accepted');
select lives_ok($$select * from capataz.submit_robot('T', '{}', 'AuthA', p_robot_id => 'auth-1')$$, 'its scope allows to submit');
select is(
  (select module_name::text from capataz.submit_robot('T')), 'AuthA', 'routed robots go to the module of the key'
);
select throws_ok(
  $$select * from capataz.submit_robot('T', '{}', 'AuthB')$$, 'RB403', 'module "AuthB" is not yours', 'not to another module'
);
select throws_ok(
  $$select * from capataz.claim_robots('AuthA')$$, 'RB403', 'the API key does not have scope "work"', 'other scopes are refused'
);
select throws_ok(
  $$select capataz.get_robot('auth-1')$$, 'RB403', 'the API key does not have scope "read"', 'reading too'
);
select is(current_setting('application_name'), 'capataz key ' || :'id', 'the server''s log says which key it is');
select throws_ok(
  $$select * from capataz.authenticate('cpz_x')$$, 'RB401', 'the API key is not valid', 'a later bad key ends the earlier one'
);

-- scope admin includes the others
select is((select label from capataz.authenticate(:'admin_key')), 'boss', 'an admin key');
select lives_ok($$select * from capataz.claim_robots('AuthA')$$, 'works');
select throws_ok(
  $$select capataz.deactivate_module('AuthB')$$, 'RB403', 'module "AuthB" is not yours', 'for its own module alone'
);

-- a member of another group that sets the setting by hand gains nothing; nor does a made-up hash
set local role auth_test_worker;
select set_config('capataz.principal', :'id' || ':' || :'hash', true);
select throws_ok(
  $$select * from capataz.claim_robots('AuthA')$$, 'RB403', 'module "AuthA" is not yours', 'a worker''s setting is ignored'
);
set local role auth_test_gateway;
select set_config('capataz.principal', :'id' || ':' || repeat('0', 64), true);
select throws_ok($$select capataz.my_modules()$$, 'RB401', 'the API key is not valid', 'an id alone makes no principal');
-- whoever is a gateway is held to keys, whatever else it is
set local role auth_test_both;
select throws_ok($$select * from capataz.claim_robots('AuthA')$$, 'RB401', 'the API key is not valid', 'an operator''s rights do not leak through a gateway');
reset role;

-- a key that is revoked in the middle
select capataz.revoke_api_key(split_part(:'admin_key', '_', 2));
set local role auth_test_gateway;
select set_config('capataz.principal', k.principal, true)
from (select split_part(:'admin_key', '_', 2) || ':' || encode(sha256(:'admin_key'::bytea), 'hex') as principal) as k;
select throws_ok('select capataz.my_modules()', 'RB401', 'the API key is not valid', 'every call looks whether the key still is valid');
reset role;

select * from finish();
rollback;
