-- Active modules with an endpoint whose last check is older than their interval, longest waiting first.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz.register_module('A', '1', array['T'], 'test', 'http://a/health', '{"health_check_interval_seconds": 30}') is not null;
select capataz.register_module('B', '1', array['T'], 'test', 'http://b/health') is not null;
select capataz.register_module('C', '1', array['T'], 'test') is not null;
select capataz.register_module('D', '1', array['T'], 'test', 'http://d/health') is not null;
select capataz.deactivate_module('D') is not null;
select results_eq(
  'select module_name::text, health_endpoint::text from capataz.due_health_checks()',
  $$values ('A', 'http://a/health'), ('B', 'http://b/health')$$, 'never checked; without endpoint or inactive: never'
);
select results_eq('select module_name::text from capataz.due_health_checks(1)', $$values ('A')$$, 'a limit');
select capataz.record_health_check('A', true);
select capataz.record_health_check('B', false);
select is_empty('select * from capataz.due_health_checks()', 'just asked');
select capataz_test.advance('30 seconds');
select results_eq('select module_name::text from capataz.due_health_checks()', $$values ('A')$$, 'its own interval');
select capataz_test.advance('30 seconds');
select results_eq('select module_name::text from capataz.due_health_checks()', $$values ('A'), ('B')$$, 'the default is a minute');
select throws_ok('select * from capataz.due_health_checks(0)', 'RB400', 'limit is out of range', 'none');
select throws_ok('select * from capataz.due_health_checks(100001)', 'RB400', 'limit is out of range', 'too many');
select lives_ok('select * from capataz.due_health_checks(null)', 'null: the default');

select * from finish();
rollback;
