-- Numbers whose text is much longer than what is stored are refused, wherever JSON comes in (specification 5.1).
begin;
select plan(19);
select capataz_test.module('NumA') as a \gset

select throws_ok(
  format($$select capataz.submit_robot('T', '{"a": [1, {"b": %s}]}', 'NumA')$$, n.number),
  'RB400', 'input_data has a number out of range', n.number || ' is refused'
)
from unnest(array['1e101', '-1e101', '1e-101', '-1e-101', '1e10000']) as n (number);
select lives_ok(
  format($$select capataz.submit_robot('T', '{"a": [1, {"b": %s}]}', 'NumA')$$, n.number), n.number || ' is taken'
)
from unnest(array['1e100', '-1e100', '1e-100', '-1e-100', '0', '0.0', '123456789012345678901234567890.5', '"1e101"']) as n (number);

-- one after the other, the first that is found
select is(capataz_ops._json_fault(null), null, 'nothing is wrong with null');
select is(
  capataz_ops._json_fault(jsonb_build_array(repeat('x', 4194304), 1e101)), 'size', 'what is too large is not looked through'
);
select is(
  capataz_ops._json_fault((repeat('[', 101) || '1e101' || repeat(']', 101))::jsonb), 'number', 'a number before its levels'
);
select is(capataz_ops._json_fault((repeat('[', 101) || repeat(']', 101))::jsonb), 'levels', '101 levels');
select is(capataz_ops._json_fault((repeat('[', 100) || repeat(']', 100))::jsonb), null, '100 levels are fine');
select throws_ok(
  $$select capataz.submit_robot('T', '{"a": 1}', 'NumA', p_metadata => '{"n": 1e200}')$$,
  'RB400', 'metadata has a number out of range', 'the same for metadata'
);

select * from finish();
rollback;
