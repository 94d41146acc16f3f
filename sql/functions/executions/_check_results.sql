-- capataz_ops._check_results(p_results) -> void
--
-- Rejects what is no JSON array of up to 10,000 objects.
-- Locks: none. Writes: nothing. Raises: RB400.
create or replace function capataz_ops._check_results(p_results jsonb)
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_results is null or jsonb_typeof(p_results) <> 'array' then
    raise exception using
      errcode = 'RB400',
      message = 'results must be a JSON array',
      detail = format('results is %s.', coalesce('of type ' || jsonb_typeof(p_results), 'null')),
      hint = 'Give an array of objects such as [{"execute_id": "..."}].';
  elsif jsonb_array_length(p_results) > 10000 then
    raise exception using
      errcode = 'RB400',
      message = 'results has too many elements',
      detail = format('results has %s elements.', jsonb_array_length(p_results)),
      hint = 'Give up to 10000 results a call.';
  end if;
end
$$;

comment on function capataz_ops._check_results(jsonb) is
  'Raises RB400 for what is no JSON array of up to 10,000 elements.';
