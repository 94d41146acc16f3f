-- capataz.explain_score(p_module_name) -> rows (factor, value, weight, contribution, detail)
--
-- What the performance score of a module is made of: one row per factor (specification 3.1, ADR 0017). The contributions
-- add up to the score that score_modules would write now (rounded to two places). A factor that is left out has weight 0,
-- and its detail says why. Where too few executions have ended, all have weight 0 and the row kept_score says that the
-- score stays.
-- value, weight, contribution: 0 to 1.
-- Locks: none. Writes: nothing. Raises: RB400 no name, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.explain_score(p_module_name text)
  returns table (factor text, value numeric, weight numeric, contribution numeric, detail text)
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_modules constant text[] := capataz_ops._scope('read');
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._require_access(v_modules, p_module_name);

  return query
  select f.factor, f.value, f.weight, f.contribution, f.detail
  from capataz_ops._score_factors(p_module_name) as f;
  if not found then
    perform capataz_ops._require_module(p_module_name);
  end if;
end
$$;

comment on function capataz.explain_score(text) is
  'What the performance score of a module is made of, one row per factor. RB400, RB401, RB403, RB404.';
