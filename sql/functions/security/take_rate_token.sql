-- capataz.take_rate_token(p_module_name, p_cost) -> double precision: tokens left; null = no limit
--
-- Takes p_cost tokens (more than 0) from the bucket of a module (specification 5.1, ADR 0021). registration_data.rate_limit:
-- per_second tokens flow in, burst is what it holds. In any stretch of t seconds at most burst + per_second x t are taken.
-- Callers of one module take turns at its row, so call it in a transaction of its own: the row is unlogged, its commit waits
-- for no disk. After a crash buckets are full. For whoever belongs to the module: its keys and workers, producers that were
-- granted it, operators; not for producers that are tied to nothing, which could empty or hold any bucket.
-- Locks: rate_buckets row. Writes: rate_buckets.
-- Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module,
--         RB429 not enough tokens: DETAIL says retry_after_seconds.
create or replace function capataz.take_rate_token(p_module_name text, p_cost double precision default 1)
  returns double precision
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_cost constant double precision := coalesce(p_cost, 1);
  v_modules constant text[] := capataz_ops._scope(null);
  v_limit record;
  v_bucket record;
  v_now timestamp;
  v_tokens double precision;
  v_wait double precision;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._require_access(v_modules, p_module_name);
  if v_modules is null and not capataz_ops._sees_payload(p_module_name) then
    raise exception using
      errcode = 'RB403',
      message = format('module "%s" is not granted to you', left(p_module_name, 100)),
      detail = format('%s was granted no module.', capataz_ops._caller_name()),
      hint = 'An admin grants it with grant_module; without a grant submit as before, but take no tokens.';
  end if;
  perform capataz_ops._check_number('cost', v_cost, 0.000001, 1000000000);

  select s.rate_per_second, s.rate_burst into v_limit
  from capataz_ops.module_settings as s
  where s.module_name = p_module_name;
  if not found then
    perform capataz_ops._raise_unknown_module(p_module_name);
  elsif v_limit.rate_per_second is null then
    return null;
  elsif v_cost > v_limit.rate_burst then
    raise exception using
      errcode = 'RB400',
      message = 'cost is more than the bucket holds',
      detail = format('cost is %s, burst %s.', v_cost, v_limit.rate_burst),
      hint = 'Take fewer tokens at once.';
  end if;

  loop
    select b.tokens, b.refilled_at into v_bucket
    from capataz_ops.rate_buckets as b
    where b.module_name = p_module_name
    for no key update;
    exit when found;
    insert into capataz_ops.rate_buckets (module_name, tokens, refilled_at)
    values (p_module_name, v_limit.rate_burst, capataz_ops._moment())
    on conflict do nothing;
  end loop;

  v_now := capataz_ops._moment();  -- not before the row is had; a clock that was set back brings nothing
  v_tokens := least(
    v_limit.rate_burst,
    v_bucket.tokens + v_limit.rate_per_second * greatest(extract(epoch from v_now - v_bucket.refilled_at), 0)::double precision
  );
  if v_tokens < v_cost then
    v_wait := greatest(ceil((v_cost - v_tokens) / v_limit.rate_per_second * 1000) / 1000, 0.001);
    raise exception using
      errcode = 'RB429',
      message = format('module "%s" has reached its rate limit', p_module_name),
      detail = format('retry_after_seconds is %s.', v_wait),
      hint = format('Try again in %s s.', v_wait);
  end if;

  update capataz_ops.rate_buckets as b
  set tokens = v_tokens - v_cost,
      refilled_at = v_now
  where b.module_name = p_module_name;
  return v_tokens - v_cost;
end
$$;

comment on function capataz.take_rate_token(text, double precision) is
  'Takes tokens from the rate limit of a module; says how many are left. RB400, RB401, RB403, RB404, RB429.';
