-- capataz_ops._caller() -> text
--
-- The role on whose behalf a SECURITY DEFINER function runs: the role set by `set role`, else the session's (ADR 0003).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._caller()
  returns text
  language sql
  stable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(pg_catalog.current_setting('role'), 'none'), session_user)
$$;

comment on function capataz_ops._caller() is 'The role that called the outermost function.';
