-- capataz_ops._schema_error(p_value, p_schema, p_path) -> text
--
-- Where and how a value breaks a JSON Schema (2020-12), such as '$.lines[0].amount: minimum'; null where it fits. Never names
-- a value. The structural subset: type, enum, const, required, properties, additionalProperties, items, minItems, maxItems,
-- minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf. All other keywords ($ref, pattern,
-- anyOf, format, ...) are ignored here; gateway and client check them with a validator of their own (ADR 0022).
-- Locks: none. Writes: nothing. Raises: nothing.   (specification 5.1: input validation)
create or replace function capataz_ops._schema_error(p_value jsonb, p_schema jsonb, p_path text)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type constant text := jsonb_typeof(p_value);
  v_types jsonb;
  v_number numeric;
  v_length integer;
  v_name text;
  v_error text;
begin
  if p_schema = 'true' or p_schema = '{}' then
    return null;
  elsif p_schema = 'false' then
    return p_path || ': not allowed';
  elsif jsonb_typeof(p_schema) <> 'object' then
    return null;  -- refused when it was registered
  end if;

  if p_schema ? 'type' then
    v_types := case when jsonb_typeof(p_schema -> 'type') = 'array' then p_schema -> 'type' else jsonb_build_array(p_schema -> 'type') end;
    if not v_types ? v_type
       and not (v_type = 'number' and v_types ? 'integer' and (p_value #>> '{}')::numeric % 1 = 0)
    then
      return p_path || ': type';
    end if;
  end if;
  if p_schema ? 'const' and p_value <> p_schema -> 'const' then
    return p_path || ': const';
  elsif jsonb_typeof(p_schema -> 'enum') = 'array'
        and not exists (select from jsonb_array_elements(p_schema -> 'enum') as e (value) where e.value = p_value)
  then
    return p_path || ': enum';
  end if;

  if v_type = 'number' then
    v_number := (p_value #>> '{}')::numeric;
    v_error := case
      when v_number < (p_schema ->> 'minimum')::numeric then 'minimum'
      when v_number > (p_schema ->> 'maximum')::numeric then 'maximum'
      when v_number <= (p_schema ->> 'exclusiveMinimum')::numeric then 'exclusiveMinimum'
      when v_number >= (p_schema ->> 'exclusiveMaximum')::numeric then 'exclusiveMaximum'
      when v_number % nullif((p_schema ->> 'multipleOf')::numeric, 0) <> 0 then 'multipleOf'
    end;

  elsif v_type = 'string' then
    v_length := length(p_value #>> '{}');
    v_error := case
      when v_length < (p_schema ->> 'minLength')::numeric then 'minLength'
      when v_length > (p_schema ->> 'maxLength')::numeric then 'maxLength'
    end;

  elsif v_type = 'array' then
    v_length := jsonb_array_length(p_value);
    v_error := case
      when v_length < (p_schema ->> 'minItems')::numeric then 'minItems'
      when v_length > (p_schema ->> 'maxItems')::numeric then 'maxItems'
    end;
    if v_error is null and p_schema ? 'items' then
      select f.error into v_error
      from jsonb_array_elements(p_value) with ordinality as e (element, place)
      cross join lateral capataz_ops._schema_error(
        e.element, p_schema -> 'items', format('%s[%s]', p_path, e.place - 1)
      ) as f (error)
      where f.error is not null
      order by e.place
      limit 1;
      return v_error;
    end if;

  elsif v_type = 'object' then
    if jsonb_typeof(p_schema -> 'required') = 'array' then
      select r.name into v_name
      from jsonb_array_elements_text(p_schema -> 'required') with ordinality as r (name, place)
      where not p_value ? r.name
      order by r.place
      limit 1;
      if found then
        return capataz_ops._path_step(p_path, v_name) || ': required';
      end if;
    end if;

    if p_schema ? 'properties' or p_schema ? 'additionalProperties' then
      select f.error into v_error
      from jsonb_each(p_value) as m (key, value)
      cross join lateral capataz_ops._schema_error(
        m.value,
        coalesce(p_schema #> array['properties', m.key], p_schema -> 'additionalProperties', 'true'),
        capataz_ops._path_step(p_path, m.key)
      ) as f (error)
      where f.error is not null
      order by m.key collate "C"
      limit 1;
      return v_error;
    end if;
  end if;
  return p_path || ': ' || v_error;
end
$$;

comment on function capataz_ops._schema_error(jsonb, jsonb, text) is
  'Where and how a value breaks a JSON Schema (structural subset); null where it fits.';
