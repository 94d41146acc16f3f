-- capataz_ops._json_fits(p_value) -> boolean
--
-- Whether a JSON argument has at most 4 MiB (binary size), at most 100 levels, and no number whose text is much longer than
-- what is stored: from 1e-100 to 1e100, or 0; null fits. What comes from a table may be compressed: it is measured as it is.
-- Each level takes 8 bytes at least: in what is small they are not counted.
-- Locks: none. Writes: nothing. Raises: nothing.   (specification 5.1: input validation)
create or replace function capataz_ops._json_fits(p_value jsonb)
  returns boolean
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_value constant jsonb := p_value #> '{}';  -- decompressed
begin
  return coalesce(
    pg_column_size(v_value) <= 4194304
    and not jsonb_path_exists(
      v_value, 'strict $.** ? (@.type() == "number" && (@ > 1e100 || @ < -1e100 || @ != 0 && @ > -1e-100 && @ < 1e-100))'
    )
    and (
      pg_column_size(v_value) <= 800
      or not jsonb_path_exists(v_value, 'strict $.**{100} ? (@.type() == "object" || @.type() == "array")')
    ),
    true
  );
end
$$;

comment on function capataz_ops._json_fits(jsonb) is
  'Whether a JSON argument has at most 4 MiB and 100 levels, and no number beyond 1e100.';
