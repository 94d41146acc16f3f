-- capataz_ops._find_sensitive(p_data, p_paths, p_where) -> jsonb
--
-- Where sensitive data is in a JSON value (specification 5.1: compliance_context, ADR 0022): an array of objects with where
-- (p_where, the column), path and kind: email, payment_card, national_id, or declared (p_paths). Never a value: names of keys
-- that are sensitive themselves read * in the path, and so do elements of arrays. Each once, at most 100; null where none.
-- A value over 128 KiB is looked at as a whole, path $: what it holds is known, where it is not.
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
  v_is_large constant boolean := pg_column_size(p_data) > 131072;
begin
  return (
    with recursive nodes as (
      select '$'::text as path, p_data as value
      where not v_is_large
        and capataz_ops._maybe_sensitive(p_data::text)
      union all
      select n.path || c.step, c.value
      from nodes as n
      cross join lateral (
        select
          case
            when capataz_ops._mask_text(e.key) <> e.key then '.*'
            when e.key ~ '^[A-Za-z_][A-Za-z0-9_]{0,60}$' then '.' || e.key
            else '.' || to_json(left(e.key, 60))
          end as step,
          e.value
        from jsonb_each(case jsonb_typeof(n.value) when 'object' then n.value else '{}' end) as e (key, value)
        union all
        select '[*]', e.value
        from jsonb_array_elements(case jsonb_typeof(n.value) when 'array' then n.value else '[]' end) as e (value)
        union all
        -- a name that is sensitive itself
        select '.*', to_jsonb(e.key)
        from jsonb_object_keys(case jsonb_typeof(n.value) when 'object' then n.value else '{}' end) as e (key)
        where capataz_ops._mask_text(e.key) <> e.key
      ) as c
      where capataz_ops._maybe_sensitive(c.value::text)
    ), found as (
      select g.path, s.kind
      from (
        -- all that is in one place together: a look costs more than a character
        select n.path, string_agg(n.value #>> '{}', e'\n') as texts
        from nodes as n
        where jsonb_typeof(n.value) in ('string', 'number')
        group by n.path
      ) as g
      cross join lateral capataz_ops._sensitive_matches(g.texts) as s
      union
      select '$', s.kind
      from capataz_ops._sensitive_matches(case when v_is_large then p_data::text end) as s
      union
      select p.path, 'declared'
      from unnest(p_paths) as p (path)
      where capataz_ops._has_path(p_data, p.path)
    )
    select jsonb_agg(jsonb_build_object('where', p_where, 'path', f.path, 'kind', f.kind) order by f.path, f.kind)
    from (
      select o.path, o.kind from found as o order by o.path, o.kind limit 100
    ) as f
  );
end
$$;

comment on function capataz_ops._find_sensitive(jsonb, text[], text) is 'Where sensitive data is in a JSON value, and of what kind.';
