-- Of a long error a reason tells 500 characters: half a card number would be one that no detector finds (ADR 0022).
begin;
select plan(4);
select capataz_test.module('CutA', '{"health_failure_threshold": 1}') as a \gset
create role cut_test_viewer in role capataz_viewer;

select capataz.record_health_check('CutA', false, 1, repeat('x', 485) || ' 4111111111111111 end');
set local role cut_test_viewer;
select is(
  (select h.reason from capataz.module_health('CutA') as h), '1 health checks failed in a row: ' || repeat('x', 485) || ' *** end',
  'a viewer sees no part of it'
);
reset role;
select capataz.record_health_check('CutA', true);
select capataz.record_health_check('CutA', false, 1, repeat('y', 600));
select is(
  (select h.reason from capataz.module_health('CutA') as h), '1 health checks failed in a row: ' || repeat('y', 500), 'it is cut all the same'
);
select capataz.record_health_check('CutA', true);
select capataz.record_health_check('CutA', false, 1, 'card 4111111111111111');
select is(
  (select h.reason from capataz.module_health('CutA') as h), '1 health checks failed in a row: card 4111111111111111',
  'what is not cut is as it was for those who see everything'
);
set local role cut_test_viewer;
select is((select h.reason from capataz.module_health('CutA') as h), '1 health checks failed in a row: card ***', 'and masked for others');
reset role;

select * from finish();
rollback;
