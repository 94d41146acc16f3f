-- capataz_ops._make_partition(p_table, p_from, p_to) -> void
--
-- Makes the partition of a table of trends for p_from up to p_to, named <table>_YYYYMMDD, if it is not there. Made apart
-- and attached: that waits for no reader (ADR 0024).
-- Locks:  the table, share update exclusive, where the partition is new. Writes: the catalog. Raises: nothing.
create or replace function capataz_ops._make_partition(p_table text, p_from timestamp, p_to timestamp)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name constant text := p_table || to_char(p_from, '_YYYYMMDD');
begin
  if to_regclass(format('capataz_ops.%I', v_name)) is not null then
    return;
  end if;
  -- one after the other; the second one may still see the catalog of before it waited
  execute format('lock table only capataz_ops.%I in share update exclusive mode', p_table);
  begin
    execute format('create table capataz_ops.%I (like capataz_ops.%I including defaults including storage)', v_name, p_table);
  exception
    when duplicate_table then
      return;
  end;
  execute format(
    'comment on table capataz_ops.%I is %L', v_name, format('Rows of %s from %s up to %s UTC.', p_table, p_from, p_to)
  );
  execute format('alter table capataz_ops.%I owner to capataz_owner', v_name);
  execute format(
    'alter table capataz_ops.%I attach partition capataz_ops.%I for values from (%L) to (%L)',
    p_table, v_name, p_from, p_to
  );
end
$$;

comment on function capataz_ops._make_partition(text, timestamp, timestamp) is
  'Makes a partition of a table of trends, if it is not there.';
