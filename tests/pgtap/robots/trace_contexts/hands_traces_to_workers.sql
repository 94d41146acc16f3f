-- traceparent in the metadata of a robot is checked at submit and handed to the worker (W3C trace context).
begin;
select plan(13);
select capataz_test.module('M') as m \gset
\set good '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
select s.robot_id as r from capataz.submit_robot('T', '{}', 'M', p_metadata => jsonb_build_object('traceparent', :'good')) as s \gset
select capataz_test.robot('M') as other \gset
select results_eq(
  format('select robot_id::text, traceparent from capataz.trace_contexts(array[%L, %L, %L])', :'r', :'other', 'unknown'),
  format('values (%L, %L)', :'r', :'good'), 'the trace is handed out; a robot without one has no row'
);
select is((capataz.get_robot(:'r')).enterprise_metadata ->> 'traceparent', :'good', 'it is stored in the metadata');
select is(capataz_test.outcome(format($$select * from capataz.submit_robot('T', '{}', 'M', p_metadata => '{"traceparent": %s}')$$, v)), expected, label)
from (
  values
    ('"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"', 'RB400', 'upper case'),
    ('"00-00000000000000000000000000000000-00f067aa0ba902b7-01"', 'RB400', 'no trace id'),
    ('"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"', 'RB400', 'no parent id'),
    ('"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"', 'RB400', 'version ff'),
    ('"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"', 'RB400', 'version 00 has four parts'),
    ('"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"', 'ok', 'later ones may have more'),
    ('1', 'RB400', 'a number'),
    ('null', 'RB400', 'null')
) as t (v, expected, label);
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T", "module_name": "M"}, {"robot_type": "T", "module_name": "M", "metadata": {"traceparent": "x"}}]')$$,
  'RB400', 'robots[1].metadata.traceparent is no trace context', 'the element is named'
);
select throws_ok('select * from capataz.trace_contexts(null)', 'RB400', null, 'no ids');
update capataz.robots set enterprise_metadata = '{"traceparent": "anything"}' where robot_id = :'r';
select is_empty(format('select * from capataz.trace_contexts(array[%L])', :'r'), 'what plain SQL stored is handed out only where it is a trace context');
select * from finish();
rollback;
