-- capataz_ops._mask_json(p_data, p_paths) -> jsonb
--
-- A JSON value as readers see it: what is at one of the paths, and what the detectors find in texts, numbers and names of
-- keys, reads *** (ADR 0022). Names of keys stay distinct: "***", then "*** (2)" and so on. All else is as it was. Time grows
-- with the size of the value, not with its depth.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_json(p_data jsonb, p_paths text[])
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_data jsonb := p_data;
  v_first bigint;
begin
  if p_paths <> '{}'::text[] then
    v_data := capataz_ops._mask_paths(v_data, capataz_ops._path_tree(p_paths));
  end if;
  if not capataz_ops._maybe_sensitive(v_data::text) then
    return v_data;
  end if;

  -- numbers that no key like "*** (7)" of the document has
  select coalesce(max(t.number[1]::bigint), 0) + 1 into v_first
  from regexp_matches(v_data::text, '"[*]{3} [(]([0-9]{1,9})[)]": ', 'g') as t (number);
  if position('"***": ' in v_data::text) > 0 then
    v_first := greatest(v_first, 2);
  end if;

  return (
    with tokens as (
      select
        t.place, t.comma, t.key, t.value,
        t.key ~ capataz_ops._sensitive_pattern()
          and (capataz_ops._redact(left(t.key, -2)::jsonb #>> '{}')).kinds is not null as hides_key
      from capataz_ops._json_tokens(v_data) as t
    )
    select string_agg(
      concat(
        t.comma,
        case
          when t.hides_key then '"***' || coalesce(' (' || nullif(t.number, 1) || ')', '') || '": '
          else t.key
        end,
        case
          when t.value !~ capataz_ops._sensitive_pattern() then t.value
          when t.value like '"%' then to_json((capataz_ops._redact(t.value::jsonb #>> '{}')).masked)::text
          when (capataz_ops._redact(regexp_replace(t.value, '[.]0+$', ''))).kinds is not null then '"***"'
          else t.value
        end
      ),
      '' order by t.place
    )::jsonb
    from (
      select n.*, v_first - 1 + row_number() over (partition by n.hides_key is true order by n.place) as number
      from tokens as n
    ) as t
  );
end
$$;

comment on function capataz_ops._mask_json(jsonb, text[]) is
  'A JSON value as readers see it: what is sensitive reads ***.';
