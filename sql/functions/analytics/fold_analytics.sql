-- capataz.fold_analytics() -> integer: deltas it moved
--
-- Brings steps and errors up to date for analytics (specification 4.2, ADR 0025): moves what ended since the last time into
-- days. What commits later is added the next time; nothing is counted twice. Stops after 20 seconds: the next call goes on.
-- Safe at any time, by anyone, twice at once: while another session folds it returns 0.
-- Locks:  one row of walks (skip locked), step_days, error_days rows. Writes: step_deltas, step_days, error_deltas,
--         error_days, walks. Raises: nothing.
create or replace function capataz.fold_analytics()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  c_piece constant integer := 50000;
  v_begun constant timestamptz := clock_timestamp();
  v_moved integer;
  v_all integer := 0;
begin
  perform from capataz_ops.walks as w where w.walk_name = 'fold_analytics' for no key update skip locked;
  if not found then
    return 0;
  end if;
  loop
    v_moved := capataz_ops._fold_steps(c_piece) + capataz_ops._fold_errors(c_piece);
    v_all := v_all + v_moved;
    exit when v_moved = 0 or clock_timestamp() > v_begun + interval '20 seconds';
  end loop;
  if v_all > 0 then
    update capataz_ops.walks as w
    set ended_at = capataz.utc_now(),
        row_count = v_all
    where w.walk_name = 'fold_analytics';
  end if;
  return v_all;
end
$$;

comment on function capataz.fold_analytics() is
  'Brings steps and errors up to date for analytics; returns how many changes it took in. Run by a job.';
