-- capataz_ops._told_error(p_error) -> text
--
-- The last_error of a job as everybody may see it: what PostgreSQL itself says tells of tables and SQL, so that of it the SQLSTATE
-- is left; what Capataz says stays (RB400, P0001 and texts without a code).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._told_error(p_error text)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when p_error ~ '^(?!RB|P0001)[0-9A-Z]{5}: ' then left(p_error, 5) else p_error end
$$;

comment on function capataz_ops._told_error(text) is 'The error of a job as everybody may see it.';
