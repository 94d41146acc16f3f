-- capataz.release_ticker(p_ticker_id) -> boolean: it was the active one
--
-- Gives the lease of the active ticker back, so that another one takes over at once.
-- Locks:  tickers row. Writes: tickers. Raises: RB400 bad argument.
create or replace function capataz.release_ticker(p_ticker_id text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz_ops._check_text('ticker_id', p_ticker_id, 200, true);
  delete from capataz_ops.tickers as t
  where t.lease_name = 'jobs'
    and t.ticker_id = p_ticker_id;
  return found;
end
$$;

comment on function capataz.release_ticker(text) is
  'Gives the lease of the active ticker back. RB400.';
