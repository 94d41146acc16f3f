-- capataz_ops._notify_work(p_module_names) -> void
--
-- Tells listening workers that work is due (ADR 0014): NOTIFY capataz_work, payload = module name. A hint: polling alone is
-- correct. A commit that has sent NOTIFY takes a cluster-wide lock, so a session sends at most one per module per 50 ms.
-- Locks: none. Writes: nothing but session settings. Raises: nothing.
create or replace function capataz_ops._notify_work(p_module_names text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_milliseconds constant bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
  v_module_name text;
  v_setting text;
begin
  foreach v_module_name in array p_module_names loop
    v_setting := 'capataz.notified_' || to_hex(hashtext(v_module_name));
    -- anyone may set such a setting to anything: what is no number counts as never
    if abs(
      v_milliseconds - coalesce(substring(current_setting(v_setting, true) from '^[0-9]{1,18}$'), '0')::bigint
    ) >= 50 then
      perform set_config(v_setting, v_milliseconds::text, false);
      perform pg_notify('capataz_work', v_module_name);
    end if;
  end loop;
end
$$;

comment on function capataz_ops._notify_work(text[]) is
  'Announces due work on channel capataz_work, at most once per module and 50 ms.';
