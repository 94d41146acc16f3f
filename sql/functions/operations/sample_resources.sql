-- capataz.sample_resources() -> integer: modules with a row in the sample; 0 where this minute is sampled already
--
-- Takes the sample of the minute under way (specification 5.2: resource usage trending): per module the queue by status and
-- priority, the age of the oldest due robot, what runs and what that uses; over all modules their sum; of the database the
-- cache, its size, dead rows, the oldest snapshot, how far replicas and the archive are behind. Never counts history. A queue that
-- takes more than 50 ms to count is counted again once a hundred times as long has passed, and marked is_estimate until
-- then (ADR 0024). Modules that are idle get no row.
-- Locks:  none that others wait for; share update exclusive on module_trends for a new day. Writes: module_trends,
--         fleet_trends, queue_counts. Raises: nothing.
create or replace function capataz.sample_resources()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_begun constant timestamptz := clock_timestamp();
  v_now constant timestamp := capataz.utc_now();
  v_minute constant timestamp := date_trunc('minute', v_now);
  c_zeros constant integer[] := array[0, 0, 0, 0];
  v_module record;
  v_deep record;
  v_counts record;
  v_started timestamptz;
  v_cost double precision;
  v_rows integer;
  v_last record;
  v_blocks record;
begin
  perform capataz_ops._make_partition(
    'module_trends', date_trunc('day', v_now), date_trunc('day', v_now) + interval '1 day'
  );
  if exists (select from capataz_ops.fleet_trends as f where f.sampled_at = v_minute) then
    return 0;
  end if;

  for v_module in
    select m.module_name, s.max_concurrency
    from capataz.module_registry as m
    join capataz_ops.module_settings as s on s.module_name = m.module_name
    order by m.module_name
  loop
    select q.pending, q.retrying, q.not_due, q.next_count_at, q.cost_ms into v_deep
    from capataz_ops.queue_counts as q
    where q.module_name = v_module.module_name;
    if found
       and v_deep.next_count_at > v_now
       and v_deep.next_count_at < v_now + interval '1 hour'
       or clock_timestamp() > v_begun + interval '10 seconds'
    then
      v_counts := row(
        coalesce(v_deep.pending, c_zeros), coalesce(v_deep.retrying, c_zeros), coalesce(v_deep.not_due, 0), true
      );
    end if;
  end loop;
  return v_rows;
end
$$;
