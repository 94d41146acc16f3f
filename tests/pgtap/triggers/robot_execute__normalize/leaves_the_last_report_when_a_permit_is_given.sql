-- Setting a limit gives running executions their permits; what their last report derived stays as it was.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz.register_module('Permit', '1', array['PERMIT']) is not null as m \gset
select s.robot_id as r from capataz.submit_robot('PERMIT') as s \gset
select c.execute_id as e from capataz.claim_robots('Permit') as c \gset
select capataz_test.advance('10 seconds');
select capataz.report_progress(:'e', 50, 'OCR') as s \gset
create temporary table reported as
  select to_jsonb(x) - 'has_permit' as row from capataz.robot_execute as x where x.execute_id = :'e';
select capataz_test.advance('10 seconds');
select capataz.register_module('Permit', '1', array['PERMIT'], p_registration_data => '{"max_concurrency": 2}')
  is not null as m \gset
select ok((select x.has_permit from capataz.robot_execute as x where x.execute_id = :'e'), 'it has its permit');
select is(
  (select to_jsonb(x) - 'has_permit' from capataz.robot_execute as x where x.execute_id = :'e'),
  (select p.row from reported as p), 'nothing else changed'
);
select throws_ok(
  format(
    $$update capataz.robot_execute set has_permit = false, execution_state = 'PENDING' where execute_id = %L$$, :'e'
  ),
  'RB409', null, 'a permit beside another change hides nothing'
);
select * from finish();
rollback;
