-- capataz.hold_ticker(p_ticker_id, p_patience_seconds) -> boolean: this ticker is the active one
--
-- Takes or keeps the lease of the one active ticker: it is free, is this ticker's own, or its holder has been silent for
-- p_patience_seconds (1 to 3600). A ticker calls it before each round and while a job runs; one that stands by calls it now
-- and then. A row in a table: no session holds anything, so it works through a transaction pooler.
-- Locks:  tickers row; a ticker that stands by and finds it locked answers false. Writes: tickers. Raises: RB400 bad argument.
create or replace function capataz.hold_ticker(p_ticker_id text, p_patience_seconds bigint default 30)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_patience constant interval := make_interval(secs => coalesce(p_patience_seconds, 30));
begin
  perform capataz_ops._check_text('ticker_id', p_ticker_id, 200, true);
  perform capataz_ops._check_number('patience_seconds', p_patience_seconds, 1, 3600);

  -- its own: also while its other connection sends a heartbeat
  update capataz_ops.tickers as t
  set heartbeat_at = v_now
  where t.lease_name = 'jobs'
    and t.ticker_id = p_ticker_id;
  if found then
    return true;
  end if;

  insert into capataz_ops.tickers (lease_name, ticker_id, acquired_at, heartbeat_at)
  values ('jobs', p_ticker_id, v_now, v_now)
  on conflict (lease_name) do nothing;
  if found then
    return true;
  end if;

  update capataz_ops.tickers as t
  set ticker_id = p_ticker_id,
      acquired_at = v_now,
      heartbeat_at = v_now
  where t.lease_name in (
    select h.lease_name
    from capataz_ops.tickers as h
    where h.lease_name = 'jobs'
      and h.heartbeat_at not between v_now - v_patience and v_now + v_patience  -- ahead of us: the clock was set back
    for update skip locked
  );
  return found;
end
$$;

comment on function capataz.hold_ticker(text, bigint) is
  'Takes or keeps the lease of the one active ticker; false: another one is active. RB400.';
