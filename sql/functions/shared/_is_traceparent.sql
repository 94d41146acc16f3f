-- capataz_ops._is_traceparent(p_value) -> boolean
--
-- Whether a JSON value is a trace context of W3C (header traceparent): version, trace id, parent id and flags in lower-case
-- hexadecimal; no id all zeros, no version ff. Later versions than 00 may add parts behind, up to 128 characters in all.
-- Null for null.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._is_traceparent(p_value jsonb)
  returns boolean
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text constant text := p_value #>> '{}';
begin
  return jsonb_typeof(p_value) = 'string'
    and length(v_text) <= 128
    and v_text ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?$'
    and (length(v_text) = 55 or left(v_text, 2) <> '00')
    and v_text !~ '^(ff|..-0{32}|.{35}-0{16})';
end
$$;

comment on function capataz_ops._is_traceparent(jsonb) is
  'Whether a value is a trace context of W3C.';
