-- capataz_ops._schema_fault(p_schema, p_path) -> text
--
-- What is wrong with a JSON Schema that a module registers: its place and the rule, null where nothing is. Looks at the
-- keywords that _schema_error checks; others are left to validators outside of the database.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._schema_fault(p_schema jsonb, p_path text)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_types constant jsonb := '["null", "boolean", "object", "array", "number", "string", "integer"]';
  v_rule record;
  v_fault text;
begin
  if jsonb_typeof(p_schema) = 'boolean' then
    return null;
  elsif jsonb_typeof(p_schema) <> 'object' then
    return p_path || ' must be an object, true or false';
  end if;

  for v_rule in
    select k.key, k.value, p_path || '.' || k.key as path, jsonb_typeof(k.value) as kind
    from jsonb_each(p_schema) as k (key, value)
    order by k.key
  loop
    case v_rule.key
      when 'type' then
        if not (
          v_rule.kind = 'string' and c_types @> v_rule.value
          or v_rule.kind = 'array' and v_rule.value <> '[]' and c_types @> v_rule.value
        ) then
          return v_rule.path || ' must be a type, or an array of types';
        end if;
      when 'enum' then
        if v_rule.kind <> 'array' then
          return v_rule.path || ' must be an array';
        end if;
      when 'required' then
        if v_rule.kind <> 'array'
           or exists (select from jsonb_array_elements(v_rule.value) as r (name) where jsonb_typeof(r.name) <> 'string')
        then
          return v_rule.path || ' must be an array of texts';
        end if;
      when 'properties' then
        if v_rule.kind <> 'object' then
          return v_rule.path || ' must be an object';
        end if;
        select f.fault into v_fault
        from jsonb_each(v_rule.value) as p (key, value)
        cross join lateral capataz_ops._schema_fault(
          p.value, v_rule.path || '.' || capataz_ops._clean_text(left(p.key, 60))
        ) as f (fault)
        where f.fault is not null
        order by p.key
        limit 1;
        if found then
          return v_fault;
        end if;
      when 'items', 'additionalProperties' then
        v_fault := capataz_ops._schema_fault(v_rule.value, v_rule.path);
        if v_fault is not null then
          return v_fault;
        end if;
      when 'minItems', 'maxItems', 'minLength', 'maxLength' then
        if v_rule.kind <> 'number' or (v_rule.value #>> '{}')::numeric < 0 or (v_rule.value #>> '{}')::numeric % 1 <> 0 then
          return v_rule.path || ' must be a whole number of 0 or more';
        end if;
      when 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf' then
        if v_rule.kind <> 'number' then
          return v_rule.path || ' must be a number';
        elsif v_rule.key = 'multipleOf' and (v_rule.value #>> '{}')::numeric <= 0 then
          return v_rule.path || ' must be above 0';
        end if;
      else
        null;
    end case;
  end loop;
  return null;
end
$$;

comment on function capataz_ops._schema_fault(jsonb, text) is
  'What is wrong with a JSON Schema that a module registers.';
