-- capataz_ops._json_fault(p_value) -> text: what keeps a JSON argument from being stored; null where nothing does
--
-- size: more than 4 MiB (binary size). number: one whose text is much longer than what is stored, beyond 1e100 or nearer to 0
-- than 1e-100. levels: more than 100 of objects and arrays. What comes from a table may be compressed: it is measured as it is.
-- Each level takes 8 bytes at least: in what is small they are not counted.
-- Locks: none. Writes: nothing. Raises: nothing.   (specification 5.1: input validation)
create or replace function capataz_ops._json_fault(p_value jsonb)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_value constant jsonb := p_value #> '{}';  -- decompressed
begin
  return case
    when pg_column_size(v_value) > 4194304 then 'size'
    when jsonb_path_exists(
      v_value, 'strict $.** ? (@.type() == "number" && (@ > 1e100 || @ < -1e100 || @ != 0 && @ > -1e-100 && @ < 1e-100))'
    ) then 'number'
    when pg_column_size(v_value) > 800
      and jsonb_path_exists(v_value, 'strict $.**{100} ? (@.type() == "object" || @.type() == "array")')
      then 'levels'
  end;
end
$$;

comment on function capataz_ops._json_fault(jsonb) is
  'What keeps a JSON argument from being stored (size, number, levels); null where nothing does.';
