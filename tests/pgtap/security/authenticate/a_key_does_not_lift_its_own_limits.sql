-- An admin key registers its module again, and changes nothing that limits it or that others run for it (ADR 0020).
begin;
select plan(8);
select capataz_test.module('LiftA', '{"rate_limit": {"per_second": 5}}') as a \gset
select capataz.issue_api_key('LiftA', 'boss', array['admin']) as key \gset
create role lift_test in role capataz_gateway;
set local role lift_test;
select is((select label from capataz.authenticate(:'key')), 'boss', 'an admin key');
select throws_ok(
  format('select capataz.register_module(''LiftA'', ''2'', array[''T''], p_registration_data => %L)', t.given), 'RB403', null, t.given
)
from (
  values ('{"input_schemas": {}}'), ('{"max_concurrency": 1000}'), ('{"rate_limit": null}'), ('{"retention_days": 1}'), ('{"sensitive_paths": null}')
) as t (given)
order by t.given;
select throws_ok(
  $$select capataz.register_module('LiftA', '2', array['T'], p_health_endpoint => 'http://169.254.169.254/')$$, 'RB403', null, 'health_endpoint'
);
select lives_ok($$select capataz.register_module('LiftA', '2', array['T'], p_registration_data => '{"team": "legal"}')$$, 'other things it may');
reset role;

select * from finish();
rollback;
