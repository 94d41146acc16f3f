-- capataz.heartbeat_worker(p_worker_id, p_module_name, p_info) -> void
--
-- A worker is alive. From its first heartbeat on it is watched: silent for worker_timeout_seconds (30) it is lost.
-- Locks:  workers row. Writes: workers.
-- Raises: RB400 bad argument, RB401, RB403 not yours, RB404 unknown module.
create or replace function capataz.heartbeat_worker(p_worker_id text, p_module_name text, p_info jsonb default '{}')
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope('work');
begin
  perform capataz_ops._check_text('worker_id', p_worker_id, 100, true);
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._check_json('info', p_info, true);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._require_module(p_module_name);

  insert into capataz_ops.workers as w (worker_id, module_name, info)
  values (p_worker_id, p_module_name, coalesce(p_info, '{}'))
  on conflict (worker_id, module_name) do update set
    last_heartbeat_at = capataz.utc_now(),
    stopped_at = null,
    lost_at = null,
    info = excluded.info;
end
$$;

comment on function capataz.heartbeat_worker(text, text, jsonb) is
  'A worker is alive; from its first heartbeat on it is watched. RB400, RB401, RB403, RB404.';
