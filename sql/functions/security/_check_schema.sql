-- capataz_ops._check_schema(p_field, p_schema) -> void
--
-- Refuses what is no JSON Schema in the keywords that SQL enforces (_schema_error): each has the right form, in every
-- subschema that SQL looks at.
-- Locks: none. Writes: nothing. Raises: RB400 naming the place.
create or replace function capataz_ops._check_schema(p_field text, p_schema jsonb)
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_bad text;
  v_inner record;
begin
  if jsonb_typeof(p_schema) = 'boolean' then
    return;
  elsif jsonb_typeof(p_schema) is distinct from 'object' then
    raise exception using
      errcode = 'RB400',
      message = format('%s is no JSON Schema', p_field),
      detail = format('It is of type %s.', jsonb_typeof(p_schema)),
      hint = 'Give an object such as {"type": "object", "required": ["id"]}, or true.';
  end if;

  select k.key into v_bad
  from jsonb_each(p_schema) as k (key, value)
  where case
      when k.key = 'type' then (
        select bool_or(
          t.value #>> '{}' is null
          or t.value #>> '{}' not in ('null', 'boolean', 'object', 'array', 'number', 'string', 'integer')
        )
        from jsonb_array_elements(case jsonb_typeof(k.value) when 'array' then k.value else jsonb_build_array(k.value) end) as t (value)
      ) is not false
      when k.key = 'required' then jsonb_typeof(k.value) <> 'array'
        or jsonb_path_exists(k.value, 'strict $[*] ? (@.type() != "string")')
      when k.key = 'enum' then jsonb_typeof(k.value) <> 'array'
      when k.key = 'properties' then jsonb_typeof(k.value) <> 'object'
      when k.key in ('minItems', 'maxItems', 'minLength', 'maxLength') then jsonb_typeof(k.value) <> 'number'
        or (k.value #>> '{}')::numeric < 0 or (k.value #>> '{}')::numeric % 1 <> 0
      when k.key in ('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum') then jsonb_typeof(k.value) <> 'number'
      when k.key = 'multipleOf' then jsonb_typeof(k.value) <> 'number' or (k.value #>> '{}')::numeric <= 0
      else false
    end
  limit 1;
  if found then
    raise exception using
      errcode = 'RB400',
      message = format('%s.%s has not the form that JSON Schema wants', p_field, v_bad),
      detail = format('%s is %s.', v_bad, left((p_schema -> v_bad)::text, 60)),
      hint = 'See JSON Schema 2020-12.';
  end if;

  for v_inner in
    select format('%s.properties.%s', p_field, left(e.key, 60)) as field, e.value
    from jsonb_each(coalesce(p_schema -> 'properties', '{}')) as e (key, value)
    union all
    select format('%s.%s', p_field, k.key), p_schema -> k.key
    from unnest(array['items', 'additionalProperties']) as k (key)
    where p_schema ? k.key
  loop
    perform capataz_ops._check_schema(v_inner.field, v_inner.value);
  end loop;
end
$$;

comment on function capataz_ops._check_schema(text, jsonb) is 'Refuses what is no JSON Schema. RB400.';
