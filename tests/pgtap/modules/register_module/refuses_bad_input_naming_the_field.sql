-- RB400 with the field's name; no row changes.
begin;
select plan(4);
select capataz_test.set_clock('2026-03-10 12:00:00');

create temporary table bad (field text, call text) on commit drop;
insert into bad
values
  ('module_name', $$null, '1', array['T']$$), ('module_name', $$'', '1', array['T']$$), ('module_name', $$repeat('m', 101), '1', array['T']$$),
  ('module_name', $$' Bad', '1', array['T']$$), ('module_name', $$e'Bad\n', '1', array['T']$$),
  ('module_version', $$'Bad', null, array['T']$$), ('module_version', $$'Bad', repeat('1', 51), array['T']$$), ('module_version', $$'Bad', '1 ', array['T']$$),
  ('environment', $$'Bad', '1', array['T'], ''$$), ('environment', $$'Bad', '1', array['T'], ' e'$$),
  ('module_name', $$repeat('m', 60), repeat('1', 40), array['T']$$),
  ('supported_robot_types', $$'Bad', '1', null$$), ('supported_robot_types', $$'Bad', '1', '{}'$$), ('supported_robot_types', $$'Bad', '1', '{{T},{U}}'$$),
  ('supported_robot_types', $$'Bad', '1', array[null::text]$$), ('supported_robot_types', $$'Bad', '1', array['T', '']$$),
  ('supported_robot_types', $$'Bad', '1', array[repeat('T', 51)]$$), ('supported_robot_types', $$'Bad', '1', array[e'T\n']$$),
  ('supported_robot_types', $$'Bad', '1', array(select 'T' || i from generate_series(1, 33) as i)$$),
  ('supported_robot_types', $$'Bad', '1', array(select repeat('ñ', 48) || i from generate_series(1, 32) as i)$$),
  ('health_endpoint', $$'Bad', '1', array['T'], 'prod', repeat('h', 201)$$), ('health_endpoint', $$'Bad', '1', array['T'], 'prod', ''$$),
  ('registration_data', $$'Bad', '1', array['T'], 'prod', null, '[]'$$), ('registration_data', $$'Bad', '1', array['T'], 'prod', null, '{"api_keys": 1}'$$);
select is_empty(
  $$select field, call from bad
    where capataz_test.outcome(format('select capataz.register_module(%s)', call)) <> 'RB400'
      or strpos(capataz_test.error_part(format('select capataz.register_module(%s)', call), 'message'), field) = 0$$, 'each is RB400 and names the field'
);
select is((select count(*)::integer from capataz.module_registry where module_name ~ 'Bad|mmm'), 0, 'nothing was stored');
select lives_ok(
  $$select capataz.register_module(repeat('m', 45), repeat('1', 40), array(select rpad('T' || i, 50, 'x') from generate_series(1, 32) as i))$$, 'the longest that fit'
);
update capataz.module_registry set health_status = 'HEALTHY' where module_name = repeat('m', 45);
select is(
  (capataz_test.module_row(repeat('m', 45))).health_status::text, 'HEALTHY',
  'also once it is HEALTHY and in the routing index'
);

select * from finish();
rollback;
