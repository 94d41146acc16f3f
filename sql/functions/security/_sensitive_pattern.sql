-- capataz_ops._sensitive_pattern() -> text
--
-- A regular expression that matches whatever a detector could find: @ (the full-width one too), or as many digits next to each other as payment cards
-- and national ids have at the least. It is short, because the time of a match grows with the states of the expression.
-- Where it does not match a document as text, nothing need be looked at. The triggers of robots__sensitive repeat it in their WHEN, where a call would cost more than the match (ADR 0022).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._sensitive_pattern()
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select '[@\uff20]|[0-9]{6}[0-9HMhm]|[0-9]{4}[ .\u00a0\u2000-\u2015\u202f\u2212-]{1,2}[0-9]{4}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3}\.[0-9]{3}-'
$$;

comment on function capataz_ops._sensitive_pattern() is
  'Regular expression that matches whatever a detector of sensitive data could find.';
