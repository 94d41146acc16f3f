-- Nothing more is handed out or routed to it; the reason is kept; repeatable.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('B') as m \gset
select results_eq(
  $$select is_active, last_error_message from capataz.deactivate_module('B', 'moving house')$$, $$values (false, 'deactivated: moving house')$$, 'inactive, with the reason'
);
select is(
  (capataz.deactivate_module('B')).last_error_message, 'deactivated: moving house',
  'again, without a reason: the old one stays'
);
select throws_ok(
  $$select * from capataz.submit_robot('T', p_module_name => 'B')$$, 'RB503', null, 'no robot may be pinned to it'
);
select is((capataz_test.module_row('B')).health_status::text, 'UNKNOWN', 'its health is another matter');
select throws_ok($$select capataz.deactivate_module('nobody')$$, 'RB404', 'no module "nobody"', 'unknown');
select throws_ok('select capataz.deactivate_module(null)', 'RB400', 'module_name is required', 'null');

select * from finish();
rollback;
