-- capataz_ops._drop_partitions(p_table, p_before) -> integer
--
-- Drops the partitions of a table of trends that end at or before a time: whole files, whatever they hold. Waits 0.1 s for
-- readers at most; what is in use is left for the next time. Returns how many were dropped.
-- Locks:  jobs row of trim_windows; the table and its partitions, access exclusive, for an instant.
-- Writes: the catalog. Raises: nothing.
create or replace function capataz_ops._drop_partitions(p_table text, p_before timestamp)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '100ms'
as $$
declare
  v_partition record;
  v_dropped integer := 0;
begin
  begin
    perform from capataz_ops.jobs as j where j.job_name = 'trim_windows' for no key update;  -- one after the other
  exception
    when lock_not_available then
      return 0;
  end;
  for v_partition in
    select c.relname
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)') as b (bound)
    where i.inhparent = format('capataz_ops.%I', p_table)::regclass
      and b.bound[1]::timestamp <= p_before
    order by c.relname
  loop
    begin
      execute format('drop table capataz_ops.%I', v_partition.relname);
      v_dropped := v_dropped + 1;
    exception
      when lock_not_available then
        exit;
    end;
  end loop;
  return v_dropped;
end
$$;

comment on function capataz_ops._drop_partitions(text, timestamp) is
  'Drops partitions of a table of trends that lie before a time.';
