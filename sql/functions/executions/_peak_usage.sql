-- capataz_ops._peak_usage(p_execution, p_peaks) -> jsonb
--
-- Running maxima of an attempt's resources: the peaks so far and the present usage (specification 3.3).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._peak_usage(p_execution capataz.robot_execute, p_peaks jsonb)
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_peaks, '{}'::jsonb) || jsonb_strip_nulls(jsonb_build_object(
    'max_cpu', greatest(p_execution.cpu_usage_percent, (p_peaks ->> 'max_cpu')::numeric),
    'max_memory', greatest(p_execution.memory_usage_mb, (p_peaks ->> 'max_memory')::integer),
    'max_disk_io', greatest(p_execution.disk_io_mb, (p_peaks ->> 'max_disk_io')::integer),
    'max_network_io', greatest(p_execution.network_io_mb, (p_peaks ->> 'max_network_io')::integer)
  ));
end
$$;

comment on function capataz_ops._peak_usage(capataz.robot_execute, jsonb) is
  'Running maxima of an attempt''s resources.';
