-- Roles in action: SECURITY DEFINER lets them do their work without any right on the tables.
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Roles') as m \gset
select capataz.grant_module('Roles', 'capataz_worker');
set local role capataz_producer;
select lives_ok($$select * from capataz.submit_robot('T', '{}', 'Roles', p_robot_id => 'roles-1')$$, 'a producer submits');
select throws_ok(
  $$select * from capataz.claim_robots('Roles')$$, '42501', 'permission denied for function claim_robots',
  'a producer does not claim'
);
select throws_ok(
  'select * from capataz.robots', '42501', 'permission denied for table robots', 'a producer does not read tables'
);
set local role capataz_worker;
select lives_ok(
  $$select capataz.complete_execution(c.execute_id) from capataz.claim_robots('Roles') as c$$,
  'a worker claims and completes'
);
select throws_ok(
  $$select * from capataz.submit_robot('T')$$, '42501', 'permission denied for function submit_robot', 'a worker does not submit'
);
set local role capataz_viewer;
select is((capataz.get_robot('roles-1')).status::text, 'COMPLETED', 'a viewer reads');
select throws_ok(
  $$update capataz.robots set priority = 'LOW'$$, '42501', 'permission denied for table robots', 'a viewer does not write'
);
select throws_ok(
  $$select capataz.cancel_robot('roles-1')$$, '42501', 'permission denied for function cancel_robot', 'a viewer does not cancel'
);
set local role capataz_operator;
select throws_ok(
  $$select capataz.register_module('X', '1', array['T'])$$, '42501', 'permission denied for function register_module',
  'an operator does not register modules'
);
select lives_ok($$select capataz.deactivate_module('Roles')$$, 'an operator steers');
set local role capataz_gateway;
select throws_ok(
  $$select capataz.get_robot('roles-1')$$, 'RB401', 'the API key is not valid', 'the gateway does nothing without a key'
);
set local role capataz_admin;
select lives_ok($$select capataz.register_module('Roles', '2', array['T'])$$, 'an admin registers modules');
select throws_ok(
  'select * from capataz_ops.workers', '42501', 'permission denied for schema capataz_ops', 'even an admin has no internals'
);
reset role;

select * from finish();
rollback;
