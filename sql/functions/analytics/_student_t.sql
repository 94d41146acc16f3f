-- capataz_ops._student_t(p_days) -> double precision
--
-- Quantile 97.5 % of Student's t for a regression line through so many days (two degrees of freedom less): half the width of a
-- 95 % confidence interval in standard errors. Within 1 %; null for less than 14 days, which give no interval (ADR 0025).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._student_t(p_days double precision)
  returns double precision
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select 1.96 + 2.372 / (p_days - 2) + 2.82 / power(p_days - 2, 2)
  where p_days >= 14
$$;

comment on function capataz_ops._student_t(double precision) is
  'Quantile 97.5 % of Student''s t for a line through so many days.';
