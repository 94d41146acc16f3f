-- The detectors: what they find, and what looks like it and is not (specification 5.1, ADR 0022).
begin;
select plan(76);

select is(
  (select array[array_to_string(r.kinds, ','), r.masked] from capataz_ops._redact(t.given) as r),
  array[split_part(t.found[1], ': ', 1), replace(t.given, coalesce(split_part(t.found[1], ': ', 2), ''), '***')], t.why
)
from (
  values
    (1, 'write to ana.b+x@example.co.uk, please', array['email: ana.b+x@example.co.uk'], 'an e-mail address'),
    (2, 'a@b', null, 'no domain'),
    (3, '@example.org', null, 'nobody'),
    (4, 'a@b.c', null, 'no top level domain'),
    (5, '4111111111111111', array['payment_card: 4111111111111111'], 'a card'),
    (6, '4111 1111 1111 1111', array['payment_card: 4111 1111 1111 1111'], 'a card in groups'),
    (7, '5500-0055-5555-5559', array['payment_card: 5500-0055-5555-5559'], 'with dashes'),
    (8, '378282246310005', array['payment_card: 378282246310005'], 'of 15 digits'),
    (9, '4111111111111112', null, 'a wrong check digit'),
    (10, '1700000000000', null, 'milliseconds'),
    (11, 'x4111111111111111', null, 'part of a name'),
    (12, '41111111111111111111111', null, 'too many digits'),
    (13, 'invoice_20261128125647763_1', null, 'an id of a robot'),
    (14, '2026-11-28T12:00:00.123456', null, 'a time'),
    (15, '123-45-6789', array['national_id: 123-45-6789'], 'a US social security number'),
    (16, '000-45-6789', null, 'area 000'),
    (17, '666-45-6789', null, 'area 666'),
    (18, '900-45-6789', null, 'area 900'),
    (19, '123-00-6789', null, 'group 00'),
    (20, '123-45-0000', null, 'serial 0000'),
    (21, '1123-45-67890', null, 'digits before and behind'),
    (22, '12345678Z', array['national_id: 12345678Z'], 'a DNI'),
    (23, '12345678A', null, 'a wrong letter'),
    (24, 'X1234567L', array['national_id: X1234567L'], 'a NIE'),
    (25, 'X1234567A', null, 'a NIE with a wrong letter'),
    (26, '529.982.247-25', array['national_id: 529.982.247-25'], 'a CPF'),
    (27, '529.982.247-26', null, 'a wrong check digit'),
    (28, '111.111.111-11', null, 'all digits equal'),
    (29, '12.345.678-5', array['national_id: 12.345.678-5'], 'a RUT'),
    (30, '12345678-5', array['national_id: 12345678-5'], 'without dots'),
    (31, '12.345.678-6', null, 'a wrong check digit'),
    (32, 'HEGG560427MVZRRL04', array['national_id: HEGG560427MVZRRL04'], 'a CURP'),
    (33, 'HEGG560427XVZRRL04', null, 'no sex H or M'),
    (34, '01a2048b-5cb4-7e58-b2c2-7681d44aee15', null, 'a UUID'),
    (35, '', null, 'nothing'),
    (36, null, null, 'null'),
    (37, 'ratio 0.4111111111111111', null, 'a decimal number'),
    (38, 'total 4111111111111111.50', null, 'an amount'),
    (39, 'o''neil@example.org', array['email: o''neil@example.org'], 'an apostrophe belongs to the address'),
    (40, '1,4111111111111111,2', array['payment_card: 4111111111111111'], 'a field of a list'),
    (41, '12 4111 1111 1111 1111', array['payment_card: 4111 1111 1111 1111'], 'digits before the card'),
    (42, '3782 822463 10005', array['payment_card: 3782 822463 10005'], 'groups of 4, 6 and 5'),
    (43, '529982247-25', array['national_id: 529982247-25'], 'a CPF without points'),
    (44, '12345678z', array['national_id: 12345678z'], 'a DNI in lower case'),
    (45, '20260310-1', null, 'a date and a number'),
    (46, '123-45-6789-1', null, 'a part of a longer id'),
    (47, '10.000.013-K', array['national_id: 10.000.013-K'], 'a RUT with check character K'),
    (48, e'4111\u00a01111\u00a01111\u00a01111', array[e'payment_card: 4111\u00a01111\u00a01111\u00a01111'], 'no-break spaces'),
    (49, e'4111\u20111111\u20111111\u20111111', array[e'payment_card: 4111\u20111111\u20111111\u20111111'], 'no-break dashes'),
    (50, 'x 4111  1111  1111  1111 y', array['payment_card: 4111  1111  1111  1111'], 'two spaces'),
    (51, '4111.1111.1111.1111.', array['payment_card: 4111.1111.1111.1111'], 'points'),
    (52, '3782 - 822463', null, 'half a card'),
    (53, '3782. 822463. 10005', array['payment_card: 3782. 822463. 10005'], 'groups of 4, 6 and 5 with points and spaces'),
    (54, '4111.1111.1111.1112', null, 'a wrong check digit in groups with points'),
    (55, '4111111111111111.00', array['payment_card: 4111111111111111'], 'what a table made a decimal of'),
    (56, 'pay 4111 1111 1111 1111.0', array['payment_card: 4111 1111 1111 1111'], 'in groups too'),
    (57, '"ana b"@example.org', array['email: "ana b"@example.org'], 'a quoted address'),
    (58, e'ana\uff20example.org', array[e'email: ana\uff20example.org'], 'a full-width @'),
    (59, '1234.5678 and 2345.6789', null, 'amounts')
) as t (place, given, found, why)
order by t.place;

select is(
  capataz_ops._find_sensitive('{"a": "x@y.org", "l": [{"m": "x@y.org"}, {"m": "z@y.org"}], "n": 4111111111111111, "t": 1}', null, 'input_data'),
  '[{"kind": "email", "path": "$.a", "where": "input_data"}, {"kind": "email", "path": "$.l[*].m", "where": "input_data"},
    {"kind": "payment_card", "path": "$.n", "where": "input_data"}]',
  'paths and kinds, each once; numbers count'
);
select is(
  capataz_ops._find_sensitive('{"x@y.org": {"k": "x@y.org"}}', null, 'w'),
  '[{"kind": "email", "path": "$.*", "where": "w"}, {"kind": "email", "path": "$.*.k", "where": "w"}]',
  'a key that is sensitive itself does not stand in the path'
);
select is(
  capataz_ops._find_sensitive('{"name": "Ana", "lines": [{"iban": "ES1"}], "none": null}', array['$.name', '$.lines[*].iban', '$.none', '$.x'], 'w'),
  '[{"kind": "declared", "path": "$.lines[*].iban", "where": "w"}, {"kind": "declared", "path": "$.name", "where": "w"}]',
  'declared paths count where there is a value'
);
select is(capataz_ops._find_sensitive('{"n": 1}', array['$.x'], 'w'), null::jsonb, 'nothing is null');
select is(capataz_ops._find_sensitive('"x@y.org"', null, 'w'), '[{"kind": "email", "path": "$", "where": "w"}]', 'a text alone');
select is(
  capataz_ops._find_sensitive(('{"a b": "x@y.org"}')::jsonb, null, 'w'), '[{"kind": "email", "path": "$.*", "where": "w"}]', 'a key that is no name of a field may be a value'
);
select is(
  array(
    select f.found ->> 'path'
    from jsonb_array_elements(capataz_ops._find_sensitive(
      '{"patients": {"John Smith HIV": {"email": "j@x.org"}}, "cards": {"Jane Doe": "4111111111111111", "Ñandú": "z@y.org"}}', null, 'w'
    )) as f (found)
  ),
  array['$.cards.*', '$.cards.*', '$.patients.*.email'], 'keys of maps are not named'
);
select is(
  capataz_ops._find_sensitive(jsonb_build_object('card_2', '4111111111111111', repeat('k', 42), 'x@y.org'), null, 'w') -> 0 ->> 'path',
  '$.card_2', 'names of fields have digits'
);
select is(
  capataz_ops._find_sensitive(jsonb_build_object('t', e'\n4111111111111111'), null, 'w') -> 0 ->> 'kind', 'payment_card',
  'what is escaped in JSON does not hide it'
);
select is(
  jsonb_array_length(capataz_ops._find_sensitive(
    (select jsonb_object_agg('k' || i, 'x@y.org') from generate_series(1, 300) as i), null, 'w'
  )),
  100, 'at most 100 are named'
);
select is(
  capataz_ops._find_sensitive(jsonb_build_object('t', repeat('x ', 70000), 'm', 'x@y.org'), null, 'w'),
  '[{"kind": "email", "path": "$.m", "where": "w"}]', 'in a large value too'
);

select is(
  (select array[r.masked, r.kinds::text] from capataz_ops._redact(t.given) as r), t.found, t.why
)
from (
  values
    (1, '12.345.678-5-4111111111111111', array['***-***', '{payment_card,national_id}'], 'an id joined to a card'),
    (2, '4111111111111111-12.345.678-5', array['***-***', '{payment_card,national_id}'], 'and the other way round'),
    (3, '4111.1111.1111.1111 4111 1111 1111 1111 123-45-6789', array['*** *** ***', '{national_id,payment_card}'], 'each kind once')
) as t (place, given, found, why)
order by t.place;

-- one expression stands before all of them, and in the triggers: what it lets pass is looked at
select is_empty(
  $$select t.tgname from pg_trigger as t
    where t.tgname in ('_120_sensitive_insert', '_120_sensitive_results')
      and position('''' || capataz_ops._sensitive_pattern() || '''' in pg_get_triggerdef(t.oid)) = 0$$,
  'the triggers ask the same expression'
);
select is(
  capataz_ops._find_sensitive((repeat('[{"k": ', 3000) || '"x@y.org"' || repeat('}]', 3000))::jsonb, null, 'w'),
  jsonb_build_array(jsonb_build_object('kind', 'email', 'where', 'w', 'path', '$' || repeat('[*].k', 50) || '.**')),
  'depth is no hiding place'
);
select is(
  capataz_ops._find_sensitive(jsonb_build_object(repeat('k', 101), 'x@y.org'), null, 'w') -> 0 ->> 'path', '$.*', 'very long names are cut to *'
);

select * from finish();
rollback;
