-- capataz_ops._json_tokens(p_data) -> rows (place, comma, key, value)
--
-- A document as the text of its tokens, in order: concat(comma, key, value) of all rows is the document again. key is with
-- its quotes and colon; value is a scalar as JSON text, or one bracket. Time grows with the size, not with the depth.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._json_tokens(p_data jsonb)
  returns table (place bigint, comma text, key text, value text)
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select t.place, t.token[1], t.token[2], t.token[3]
  from regexp_matches(
    p_data::text collate "C",
    '(, )?("(?:[^"\\]|\\.)*": )?([][{}]|"(?:[^"\\]|\\.)*"|[^][{}", ]+)', 'g'
  ) with ordinality as t (token, place)
$$;

comment on function capataz_ops._json_tokens(jsonb) is
  'A document as the text of its tokens, in order.';
