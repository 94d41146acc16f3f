-- Masking: sensitive values, texts, numbers and names of keys; all else is left as it is (specification 5.1, ADR 0022).
begin;
select plan(22);

select is(capataz_ops._mask_json(t.given::jsonb, t.paths), t.shown::jsonb, t.why)
from (
  values
    (1, '{"a": "x@y.org", "b": "to x@y.org and z@y.org", "n": 7}', null, '{"a": "***", "b": "to *** and ***", "n": 7}', 'in texts'),
    (2, '{"n": 4111111111111111, "m": 12345678901}', null, '{"n": "***", "m": 12345678901}', 'numbers'),
    (3, '{"x@y.org": 1, "z@y.org": 2}', null, '{"***": 1, "*** (2)": 2}', 'names of keys, kept apart'),
    (4, '[["x@y.org"], [], {}]', null, '[["***"], [], {}]', 'within arrays'),
    (5, '{"a": {"b": 1, "c": 2}}', array['$.a.b'], '{"a": {"b": "***", "c": 2}}', 'a declared path'),
    (6, '{"a": {"b": 1}}', array['$.a'], '{"a": "***"}', 'all that is below it'),
    (7, '{"l": [{"i": 1}, {"i": 2}]}', array['$.l[*].i'], '{"l": [{"i": "***"}, {"i": "***"}]}', 'each element'),
    (8, '{"l": [{"i": 1}, {"i": 2}]}', array['$.l.i'], '{"l": [{"i": "***"}, {"i": "***"}]}', 'lax, as paths of SQL are'),
    (9, '{"l": [1, 2, 3]}', array['$.l[1]'], '{"l": [1, "***", 3]}', 'one element'),
    (10, '{"a": {"x": 1, "y": {"z": 2}}}', array['$.a.*'], '{"a": {"x": "***", "y": "***"}}', 'every key'),
    (11, '{"a b": 1}', array['$."a b"'], '{"a b": "***"}', 'a quoted name'),
    (12, '{"a": 1}', array['$.b', '$.a.b.c', '$.a[3]'], '{"a": 1}', 'paths that meet nothing'),
    (13, '{"a": 5}', array['$.a[*]', '$.a[0]'], '{"a": "***"}', 'a value where an array was meant'),
    (14, '{"a": null}', array['$.a'], '{"a": "***"}', 'null too'),
    (15, '"x@y.org"', null, '"***"', 'a text alone'),
    (16, '{}', array['$.a'], '{}', 'an empty object')
) as t (place, given, paths, shown, why)
order by t.place;
select is(capataz_ops._mask_text('Ana <x@y.org> paid with 4111 1111 1111 1111'), 'Ana <***> paid with ***', 'plain text');
select is(capataz_ops._mask_text(null), null, 'null stays null');
select is(
  capataz_ops._mask_json(jsonb_build_object('t', repeat('x ', 300000), 'm', 'x@y.org'), null), '{"hidden": true}',
  'what would take seconds is hidden whole'
);
select is(
  capataz_ops._mask_json(jsonb_build_object('t', repeat('x ', 300000)), null) ? 't', true, 'unless nothing is in it'
);
select is(
  capataz_ops._clean_text(e'a\u001b[31mb\nc\td\u202ee\u0085f\u2028g'), e'a[31mb\nc\tdefg',
  'stored texts lose control characters, and keep lines and tabs'
);
select is(capataz_ops._clean_text(null), null, 'null stays null');

select * from finish();
rollback;
