-- What register_module takes as a sensitive path, submits and readers can follow (specification 5.1, ADR 0022).
begin;
select plan(26);

select throws_ok(
  format(
    $$select capataz.register_module('PathA', '1', array['T'], p_registration_data => jsonb_build_object('sensitive_paths', jsonb_build_array(%L)))$$,
    p.path
  ),
  'RB400', 'registration_data.sensitive_paths is not usable', p.path || ' is refused'
)
from unnest(array[
  '$', 'name', '$.', '$.a-b', '$..a', '$[]', '$[-1]', '$[01]', '$[1000000000]', '$[1 to 2]', '$.a ? (@ > 1)', '$."a"b'
]) as p (path);

select capataz_test.module('PathB', jsonb_build_object('sensitive_paths', p.path)) as module_name
from (select jsonb_build_array('$.a', '$.*', '$[*]', '$[0]', '$[10]', '$[999999999]', '$."a b"[*]') as path) as p \gset
select lives_ok(
  $$select capataz.submit_robot('T', '{"a": 1}', 'PathB')$$, 'input is looked through by paths that are taken'
);
select lives_ok(
  format('select capataz_ops._has_path(%L, %L)', d.document, p.path), format('%s in %s', p.path, d.document)
)
from unnest(array['$[0]', '$[10]', '$[999999999]']) as p (path)
cross join unnest(array['[[1]]', '{"a": 1}', 'null', '"x"']) as d (document)
order by p.path, d.document;
select is(
  capataz_ops._mask_json('{"a": [1], "b": 2}', array['$.a[01]']), '"***"',
  'were there such a path all the same, readers would see nothing'
);

select * from finish();
rollback;
