-- The least loaded active module of the type that is not UNHEALTHY; RB503 with the reasons where there is none.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('D1', '{}', array['ROUTED']) as m \gset
select capataz_test.module('D2', '{}', array['ROUTED', 'OTHER']) as m \gset
select capataz_test.module('D3', '{}', array['OTHER']) as m \gset
select count(*) from capataz.submit_robot('ROUTED', p_module_name => 'D1');
select is(capataz.route_robot('ROUTED'), 'D2', 'D1 has one waiting');
select count(
  *) from capataz.submit_robots('[{"robot_type": "OTHER", "module_name": "D2"}, {"robot_type": "OTHER", "module_name": "D2"}]'
);
select is(capataz.route_robot('ROUTED'), 'D1', 'D2 has two waiting');
select count(*) from capataz.submit_robots((select jsonb_agg('{"robot_type": "ROUTED"}'::jsonb) from generate_series(1, 9)));
select results_eq(
  $$select module_name::text, count(*) from capataz.robots where robot_type = 'ROUTED' and is_routed group by 1 order by 1$$,
  $$values ('D1', 5::bigint), ('D2', 4::bigint)$$, 'a bulk of nine levels them: 6 and 6'
);
select capataz.deactivate_module('D1');
select is(capataz.route_robot('ROUTED'), 'D2', 'D1 is inactive');
update capataz.module_registry set health_status = 'UNHEALTHY' where module_name = 'D2';
select throws_ok(
  $$select capataz.route_robot('ROUTED')$$, 'RB503', 'no module can take robots of type "ROUTED" now', 'none is left'
);
select is(
  capataz_test.error_part($$select capataz.route_robot('ROUTED')$$, 'detail'), 'robot_type is "ROUTED". D1: inactive; D2: UNHEALTHY.', 'DETAIL says why for each'
);
select throws_ok($$select * from capataz.submit_robot('ROUTED')$$, 'RB503', null, 'a submit says the same');
select throws_ok($$select capataz.route_robot('NOBODY''S')$$, 'RB503', null, 'a type that nobody supports');
select throws_ok('select capataz.route_robot(null)', 'RB400', 'robot_type is required', 'null');
select throws_ok($$select capataz.route_robot(repeat('x', 51))$$, 'RB400', null, 'too long');
select capataz.activate_module('D1');
select is((select module_name::text from capataz.submit_robot('ROUTED')), 'D1', 'active again');

select * from finish();
rollback;
