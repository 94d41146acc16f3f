-- capataz_ops._schema_error(p_value, p_schema, p_path) -> text: what does not fit, null where it fits
--
-- The structural subset of JSON Schema 2020-12 that SQL enforces (specification 5.1, ADR 0022): type, enum, const, required,
-- properties, additionalProperties, items, minItems, maxItems, minLength, maxLength, minimum, maximum, exclusiveMinimum,
-- exclusiveMaximum, multipleOf; true and false. Other keywords are enforced by gateway and client, with a full validator.
-- The answer names the place and the rule, never a value.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._schema_error(p_value jsonb, p_schema jsonb, p_path text)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind constant text := jsonb_typeof(p_value);
  v_number numeric;
  v_length integer;
  v_error text;
begin
  if jsonb_typeof(p_schema) = 'boolean' then
    return case when p_schema = 'false' then p_path || ' is not allowed' end;
  elsif p_schema ? 'type' and not exists (
    select
    from jsonb_array_elements_text(
      case jsonb_typeof(p_schema -> 'type') when 'array' then p_schema -> 'type' else jsonb_build_array(p_schema -> 'type') end
    ) as t (name)
    where t.name = v_kind
       or t.name = 'integer' and v_kind = 'number' and (p_value #>> '{}')::numeric % 1 = 0
  ) then
    return format('%s must be of type %s', p_path, p_schema ->> 'type');
  elsif p_schema ? 'enum' and not p_schema -> 'enum' @> jsonb_build_array(p_value) then
    return p_path || ' is none of the allowed values';
  elsif p_schema ? 'const' and p_schema -> 'const' <> p_value then
    return p_path || ' is not the value that is wanted';
  end if;

  if v_kind = 'object' then
    select format('%s needs "%s"', p_path, left(r.name, 60)) into v_error
    from jsonb_array_elements_text(coalesce(p_schema -> 'required', '[]')) with ordinality as r (name, place)
    where not p_value ? r.name
    order by r.place
    limit 1;
    if v_error is null and p_schema ?| array['properties', 'additionalProperties'] then
      select f.error into v_error
      from jsonb_each(p_value) as e (key, value)
      cross join lateral (
        select capataz_ops._schema_error(
          e.value,
          coalesce(p_schema -> 'properties' -> e.key, p_schema -> 'additionalProperties', 'true'),
          p_path || case when e.key ~ '^[A-Za-z_][A-Za-z0-9_]{0,60}$' then '.' || e.key else '.' || to_json(left(e.key, 60)) end
        ) as error
      ) as f
      where f.error is not null
      limit 1;
    end if;
  elsif v_kind = 'array' then
    v_length := jsonb_array_length(p_value);
    if v_length < (p_schema ->> 'minItems')::numeric then
      return format('%s must have %s elements or more', p_path, p_schema ->> 'minItems');
    elsif v_length > (p_schema ->> 'maxItems')::numeric then
      return format('%s must have %s elements or fewer', p_path, p_schema ->> 'maxItems');
    elsif p_schema ? 'items' then
      select f.error into v_error
      from jsonb_array_elements(p_value) with ordinality as e (value, place)
      cross join lateral (
        select capataz_ops._schema_error(e.value, p_schema -> 'items', format('%s[%s]', p_path, e.place - 1)) as error
      ) as f
      where f.error is not null
      limit 1;
    end if;
  elsif v_kind = 'string' then
    v_length := length(p_value #>> '{}');
    if v_length < (p_schema ->> 'minLength')::numeric then
      return format('%s must have %s characters or more', p_path, p_schema ->> 'minLength');
    elsif v_length > (p_schema ->> 'maxLength')::numeric then
      return format('%s must have %s characters or fewer', p_path, p_schema ->> 'maxLength');
    end if;
  elsif v_kind = 'number' then
    v_number := (p_value #>> '{}')::numeric;
    if v_number < (p_schema ->> 'minimum')::numeric then
      return format('%s must be %s or more', p_path, p_schema ->> 'minimum');
    elsif v_number > (p_schema ->> 'maximum')::numeric then
      return format('%s must be %s or less', p_path, p_schema ->> 'maximum');
    elsif v_number <= (p_schema ->> 'exclusiveMinimum')::numeric then
      return format('%s must be more than %s', p_path, p_schema ->> 'exclusiveMinimum');
    elsif v_number >= (p_schema ->> 'exclusiveMaximum')::numeric then
      return format('%s must be less than %s', p_path, p_schema ->> 'exclusiveMaximum');
    elsif v_number % (p_schema ->> 'multipleOf')::numeric <> 0 then
      return format('%s must be a multiple of %s', p_path, p_schema ->> 'multipleOf');
    end if;
  end if;
  return v_error;
end
$$;

comment on function capataz_ops._schema_error(jsonb, jsonb, text) is
  'What of a JSON value does not fit the structural part of a JSON Schema; null where it fits.';
