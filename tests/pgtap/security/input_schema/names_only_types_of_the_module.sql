-- Schemas are for robot types of the module; a type that is given up later leaves its schema behind, unused.
begin;
select plan(3);

select throws_ok(
  $$select capataz.register_module('M', '1', array['T'], p_registration_data => '{"input_schemas": {"U": true}}')$$,
  'RB400', 'registration_data.input_schemas names a robot type that the module does not support', 'another type'
);
select lives_ok(
  $$select capataz.register_module('M', '1', array['T', 'U'], p_registration_data => '{"input_schemas": {"U": true}}')$$, 'its own type'
);
select lives_ok(
  $$select capataz.register_module('M', '2', array['T'], p_registration_data => '{"max_concurrency": 2}')$$, 'a type may go later'
);

select * from finish();
rollback;
