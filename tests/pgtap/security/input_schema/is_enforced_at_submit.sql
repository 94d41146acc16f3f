-- A module may register a JSON Schema per robot type; SQL enforces its structural part (specification 5.1, ADR 0022).
begin;
select plan(41);

select is(capataz_ops._schema_error(t.given::jsonb, t.schema::jsonb, 'i'), t.error, t.schema || ' ' || t.given)
from (
  values
    (1, '{"type": "object"}', '{}', null),
    (2, '{"type": "object"}', '[]', 'i must be of type object'),
    (3, '{"type": ["string", "null"]}', 'null', null),
    (4, '{"type": "integer"}', '3.0', null),
    (5, '{"type": "integer"}', '3.5', 'i must be of type integer'),
    (6, '{"type": "number"}', '"3"', 'i must be of type number'),
    (7, '{"required": ["a", "b"]}', '{"b": 1}', 'i needs "a"'),
    (8, '{"properties": {"a": {"type": "string"}}}', '{"a": 1}', 'i.a must be of type string'),
    (9, '{"properties": {"a": {"type": "string"}}}', '{"b": 1}', null),
    (10, '{"properties": {"a": {}}, "additionalProperties": false}', '{"b": 1}', 'i.b is not allowed'),
    (11, '{"additionalProperties": {"type": "number"}}', '{"a b": "x"}', 'i."a b" must be of type number'),
    (12, '{"items": {"type": "number"}}', '[1, "x"]', 'i[1] must be of type number'),
    (13, '{"minItems": 2}', '[1]', 'i must have 2 elements or more'),
    (14, '{"maxItems": 0}', '[1]', 'i must have 0 elements or fewer'),
    (15, '{"minLength": 2}', '"x"', 'i must have 2 characters or more'),
    (16, '{"maxLength": 1}', '"xy"', 'i must have 1 characters or fewer'),
    (17, '{"minimum": 2}', '1', 'i must be 2 or more'),
    (18, '{"maximum": 2}', '3', 'i must be 2 or less'),
    (19, '{"exclusiveMinimum": 2}', '2', 'i must be more than 2'),
    (20, '{"exclusiveMaximum": 2}', '2', 'i must be less than 2'),
    (21, '{"multipleOf": 0.5}', '1.2', 'i must be a multiple of 0.5'),
    (22, '{"enum": ["a", {"b": 1}]}', '{"b": 1}', null),
    (23, '{"enum": ["a"]}', '"b"', 'i is none of the allowed values'),
    (24, '{"const": 1}', '2', 'i is not the value that is wanted'),
    (25, 'true', '1', null),
    (26, 'false', '1', 'i is not allowed'),
    (27, '{"pattern": "^x"}', '"y"', null)
) as t (place, schema, given, error)
order by t.place;

select capataz_test.module('SchA', '{"input_schemas": {"T": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}}}') as m \gset
select capataz_test.module('SchB') as b \gset
select throws_ok($$select * from capataz.submit_robot('T', '{}', 'SchA')$$, 'RB400', 'input_data needs "id"', 'a robot that does not fit is refused');
select throws_ok(
  $$select * from capataz.submit_robot('T', '{"id": "secret"}', 'SchA', p_cache_key => 'k')$$, 'RB400', 'input_data.id must be of type integer',
  'with a cache key too; the value is not told'
);
select lives_ok($$select * from capataz.submit_robot('T', '{"id": 1}', 'SchA')$$, 'one that fits is taken');
select throws_ok(
  $$select * from capataz.submit_robots('[{"robot_type": "T", "module_name": "SchB"}, {"robot_type": "T", "module_name": "SchA", "input_data": {"id": []}}]')$$,
  'RB400', 'robots[1].input_data.id must be of type integer', 'in bulk the element is named'
);
select is((select count(*)::integer from capataz.robots where module_name = 'SchB'), 0, 'and nothing is submitted');
select is(capataz.input_schema('SchA', 'T') ->> 'type', 'object', 'clients may ask for the schema');
select is(capataz.input_schema('SchB', 'T'), null::jsonb, 'null where there is none');
select throws_ok($$select capataz.input_schema('SchNone', 'T')$$, 'RB404', 'no module "SchNone"', 'an unknown module');
select throws_ok(
  format('select capataz_test.module(''SchC'', %L)', jsonb_build_object('input_schemas', t.given::jsonb)), 'RB400', t.message, t.message
)
from (
  values
    (1, '{"T": {"type": "text"}}', 'registration_data.input_schemas.T.type has not the form that JSON Schema wants'),
    (2, '{"T": {"properties": {"a": {"minLength": -1}}}}', 'registration_data.input_schemas.T.properties.a.minLength has not the form that JSON Schema wants'),
    (3, '{"T": {"items": 1}}', 'registration_data.input_schemas.T.items is no JSON Schema'),
    (4, '{"T": {"required": [1]}}', 'registration_data.input_schemas.T.required has not the form that JSON Schema wants'),
    (5, '[]', 'registration_data.input_schemas must be a JSON object')
) as t (place, given, message)
order by t.place;
select lives_ok(
  $$select capataz.register_module('SchA', '1.0', array['T'], p_registration_data => '{"input_schemas": null}');
    select * from capataz.submit_robot('T', '{}', 'SchA')$$, 'a schema that is removed binds nobody'
);

select * from finish();
rollback;
