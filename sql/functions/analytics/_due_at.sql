-- capataz_ops._due_at(p_metadata) -> timestamp
--
-- The time in enterprise_metadata.due_at by which a robot has to be done, UTC; a zone is honoured. null where there is none, or
-- it is no time of the form 2026-01-31T08:00:00: metadata is the caller's and may hold anything.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._due_at(p_metadata jsonb)
  returns timestamp
  language plpgsql
  stable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text constant text := p_metadata ->> 'due_at';
begin
  if v_text is null
     or v_text !~* '^[0-9]{4}-[0-9]{2}-[0-9]{2}([t ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$'
  then
    return null;
  end if;
  return (v_text || case when v_text ~* '(z|:[0-9.]+[+-][0-9:]+)$' then '' else '+00' end)::timestamptz at time zone 'UTC';
exception
  when data_exception then
    return null;
end
$$;

comment on function capataz_ops._due_at(jsonb) is 'The time in enterprise_metadata.due_at by which a robot has to be done.';
