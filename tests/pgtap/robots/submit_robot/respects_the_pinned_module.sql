-- Pinned module: unknown RB404, inactive RB503, type not supported RB400; UNHEALTHY and busy ones still take it.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('D', '{"failure_threshold": 1}') as m \gset
select lives_ok($$select * from capataz.submit_robot('T', p_module_name => 'D')$$, 'an active module takes it');
select throws_ok($$select * from capataz.submit_robot('U', p_module_name => 'D')$$, 'RB400', null, 'a type it does not support');
select capataz_test.module('D2') as m \gset
select capataz_test.fail_some('D2', 5);
select lives_ok(
  $$select * from capataz.submit_robot('T', p_module_name => 'D2')$$, 'an UNHEALTHY module takes what is pinned to it'
);
select capataz.deactivate_module('D');
select throws_ok(
  $$select * from capataz.submit_robot('T', p_module_name => 'D')$$, 'RB503', 'module "D" is inactive', 'an inactive module'
);
select throws_ok($$select * from capataz.submit_robot('T', p_module_name => 'd')$$, 'RB404', null, 'names are case-sensitive');

select * from finish();
rollback;
