-- Only active modules that support the type and are not UNHEALTHY; RB503 with the reason of each where there is none.
begin;
select plan(17);
select capataz_test.set_clock('2026-03-10 12:00:00');

create function pg_temp.routed() returns text language sql as $$
  select string_agg(distinct capataz.route_robot('ROUTED'), ' ') from generate_series(1, 20)
$$;
select capataz_test.module('D1', '{}', array['ROUTED']) as m \gset
select capataz_test.module('D2', '{}', array['ROUTED', 'OTHER']) as m \gset
select capataz_test.module('D3', '{}', array['OTHER']) as m \gset
select is(pg_temp.routed(), 'D1 D2', 'those that support the type');
select capataz.deactivate_module('D1');
select is(pg_temp.routed(), 'D2', 'not one that is inactive');
update capataz.module_registry set health_status = 'DEGRADED' where module_name = 'D2';
select is(pg_temp.routed(), 'D2', 'DEGRADED ones take part');
select capataz.activate_module('D1');
update capataz.module_registry set health_status = 'UNHEALTHY' where module_name = 'D2';
select is(pg_temp.routed(), 'D1', 'not one that is UNHEALTHY');
select capataz.deactivate_module('D1');
select throws_ok(
  $$select capataz.route_robot('ROUTED')$$, 'RB503', 'no module can take robots of type "ROUTED" now', 'none is left'
);
select is(
  capataz_test.error_part($$select capataz.route_robot('ROUTED')$$, 'detail'),
  'robot_type is "ROUTED". D1: inactive; D2: UNHEALTHY.', 'DETAIL says why for each'
);
select isnt(capataz_test.error_part($$select capataz.route_robot('ROUTED')$$, 'hint'), '', 'HINT says what to do');
select throws_ok($$select * from capataz.submit_robot('ROUTED')$$, 'RB503', null, 'a submit says the same');
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "OTHER"}, {"robot_type": "ROUTED"}]')$$, 'RB503', null, 'so does a bulk submit'
);
select throws_ok($$select capataz.route_robot('NOBODY''S')$$, 'RB503', null, 'a type that nobody supports');
select is(
  capataz_test.error_part($$select capataz.route_robot('NOBODY''S')$$, 'detail'),
  'robot_type is "NOBODY''S". No module supports it.', 'DETAIL says that'
);
select throws_ok('select capataz.route_robot(null)', 'RB400', 'robot_type is required', 'null');
select throws_ok($$select capataz.route_robot('')$$, 'RB400', null, 'empty');
select throws_ok($$select capataz.route_robot(repeat('x', 51))$$, 'RB400', null, 'too long');
select capataz.activate_module('D1');
select is((select module_name::text from capataz.submit_robot('ROUTED')), 'D1', 'active again');
select is(
  (select array_agg(distinct module_name::text order by module_name::text)
   from capataz.submit_robots('[{"robot_type": "OTHER"}, {"robot_type": "ROUTED"}, {"robot_type": "OTHER"}]')),
  '{D1,D3}', 'a bulk submit routes each type by itself'
);
select is(
  (select count(*)::integer from capataz.robots where is_routed and module_name = 'D2'), 0, 'nothing went to the UNHEALTHY one'
);

select * from finish();
rollback;
