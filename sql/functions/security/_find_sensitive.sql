-- capataz_ops._find_sensitive(p_data, p_paths, p_where) -> jsonb
--
-- Where sensitive data is in a JSON value (specification 5.1: compliance_context, ADR 0022): an array of objects with where
-- (p_where, the column), path and kind: email, payment_card, national_id as _redact finds them in texts, numbers and names of
-- keys; declared for values other than null at p_paths. Never a value: elements of arrays read [*], and a key that is no name
-- of a field * (_path_step); below 100 levels a path ends in .**. Each once, declared ones first, at most 100; null where none.
-- Time grows with the size of the value, not with its depth.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._find_sensitive(p_data jsonb, p_paths text[], p_where text)
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found jsonb;
  v_seen text[] := '{}'::text[];
  v_stack text[] := '{}'::text[];
  v_depth integer := 0;
  v_token record;
  v_path text;
  v_key text;
  v_kinds text[];
  v_kind text;
begin
  if p_paths is not null then
    select jsonb_agg(jsonb_build_object('where', p_where, 'path', d.path, 'kind', 'declared') order by d.path) into v_found
    from (select distinct p.path from unnest(p_paths[1:100]) as p (path)) as d
    where capataz_ops._has_path(p_data, d.path);
  end if;
  if not capataz_ops._maybe_sensitive(p_data::text) then
    return v_found;
  end if;

  for v_token in
    select t.key, t.value, t.value in ('{', '[') as opens, t.value in ('}', ']') as closes
    from capataz_ops._json_tokens(p_data) as t
    where t.value in ('{', '[', '}', ']')
      or concat(t.key, t.value) ~ capataz_ops._sensitive_pattern()
    order by t.place
  loop
    if v_token.closes then
      v_depth := v_depth - 1;
      continue;
    end if;

    v_kinds := null;
    if v_depth = 0 then
      v_path := '$';
    elsif v_depth > 100 then
      v_path := v_stack[101];
    elsif v_token.key is null then
      v_path := v_stack[v_depth] || '[*]';
    else
      v_key := (left(v_token.key, -2)::jsonb) #>> '{}';
      v_kinds := (capataz_ops._redact(v_key)).kinds;
      v_path := capataz_ops._path_step(v_stack[v_depth], v_key);
    end if;

    if v_token.opens then
      v_depth := v_depth + 1;
      if v_depth <= 101 then
        v_stack[v_depth] := case when v_depth = 101 then v_path || '.**' else v_path end;
      end if;
    else
      v_kinds := v_kinds || (capataz_ops._redact(
        case
          when v_token.value like '"%' then v_token.value::jsonb #>> '{}'
          else regexp_replace(v_token.value, '[.]0+$', '')
        end
      )).kinds;
    end if;

    foreach v_kind in array coalesce(v_kinds, '{}'::text[]) loop
      if v_path || ' ' || v_kind <> all (v_seen) then
        v_seen := v_seen || (v_path || ' ' || v_kind);
        v_found := coalesce(v_found, '[]') || jsonb_build_object('where', p_where, 'path', v_path, 'kind', v_kind);
        if jsonb_array_length(v_found) >= 100 then
          return v_found;
        end if;
      end if;
    end loop;
  end loop;
  return v_found;
end
$$;

comment on function capataz_ops._find_sensitive(jsonb, text[], text) is
  'Where sensitive data is in a JSON value, and of what kind.';
