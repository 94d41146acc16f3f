-- capataz_ops._lock_next_robots(p_module_name, p_wanted, p_now, p_aging_seconds) -> tid[]
--
-- Locks the next due robots of a module, best first, and returns their row positions; null where there are none (ADR 0005).
-- One index probe per priority. While a forgotten session pins an old snapshot, claimed robots leave index entries that no
-- vacuum may remove. So where a probe had to read many entries in vain, the session remembers where it found work and
-- begins there; from the start again only after a time in proportion to what the last such scan read. The setting is a
-- hint: losing or sharing it is harmless. find_stragglers brings back what a late commit left behind the scan.
-- Locks: robots rows, for no key update skip locked. Writes: nothing but session settings. Raises: nothing.
create or replace function capataz_ops._lock_next_robots(
  p_module_name text,
  p_wanted integer,
  p_now timestamp,
  p_aging_seconds double precision
)
  returns tid[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
  set enable_sort = off
as $$
declare
  c_priorities constant capataz.priority_enum[] := array['CRITICAL', 'HIGH', 'NORMAL', 'LOW']::capataz.priority_enum[];
  c_scan constant text := 'capataz.scan_' || to_hex(hashtext(p_module_name));
  c_given constant text := 'capataz.given_' || to_hex(hashtext(p_module_name));
  v_milliseconds constant bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
  v_hints bigint[];  -- per priority: when to scan from the start again (ms), due time (us) and arrival to begin at
  v_is_changed boolean := false;
  v_afters timestamp[] := array_fill('-infinity'::timestamp, array[4]);
  v_arrivals bigint[] := array_fill(0::bigint, array[4]);
  v_aged_before constant timestamp := p_now - make_interval(secs => p_aging_seconds);
  v_given bigint;
  v_aged integer;
  v_oldest timestamp;
  v_level integer;
  v_rows tid[] := '{}'::tid[];
  v_found tid[];
  v_first timestamp;
  v_first_arrival bigint;
  v_read bigint;
begin
  -- anyone may set these settings to anything: what does not look like ours counts as not there
  v_hints := substring(current_setting(c_scan, true) from '^[{](?:-?[0-9]{1,18},){11}-?[0-9]{1,18}[}]$')::bigint[];
  if v_hints is not null then
    for i in 1..4 loop
      if v_hints[3 * i - 2] between v_milliseconds and v_milliseconds + 60000
         and v_hints[3 * i - 1] between 0 and (extract(epoch from p_now) * 1000000)::bigint
      then
        v_afters[i] := timestamp 'epoch' + v_hints[3 * i - 1] * interval '1 microsecond';
        v_arrivals[i] := v_hints[3 * i];
      end if;
    end loop;
  end if;

  -- the share of the aged: one in ten; the count begins at random so that new sessions give it too
  v_given := coalesce(substring(current_setting(c_given, true) from '^[0-9]{1,9}$')::bigint, floor(random() * 10)::bigint);
  v_aged := ((v_given + p_wanted) / 10 - v_given / 10)::integer;
  if v_aged > 0 then
    for i in 2..4 loop
      select r.available_at into v_first
      from capataz.robots as r
      where r.module_name = p_module_name
        and r.priority = c_priorities[i]
        and r.status in ('PENDING', 'RETRYING')
        and r.available_at < v_aged_before
        and (r.available_at, r.arrival) >= (v_afters[i], v_arrivals[i])
      order by r.available_at, r.arrival
      limit 1;
      if found and (v_oldest is null or v_first < v_oldest) then
        v_oldest := v_first;
        v_level := i;
      end if;
    end loop;
    if v_level is not null then
      select coalesce(array_agg(a.ctid), '{}') into v_rows
      from (
        select r.ctid
        from capataz.robots as r
        where r.module_name = p_module_name
          and r.priority = c_priorities[v_level]
          and r.status in ('PENDING', 'RETRYING')
          and r.available_at < v_aged_before
          and (r.available_at, r.arrival) >= (v_afters[v_level], v_arrivals[v_level])
        order by r.available_at, r.arrival
        limit v_aged
        for no key update skip locked
      ) as a;
    end if;
  end if;

  for i in 1..4 loop
    exit when cardinality(v_rows) >= p_wanted;

    v_read := pg_stat_get_xact_tuples_returned('capataz.robots_claim_idx'::regclass);
    select array_agg(n.ctid) into v_found
    from (
      select r.ctid
      from capataz.robots as r
      where r.module_name = p_module_name
        and r.priority = c_priorities[i]
        and r.status in ('PENDING', 'RETRYING')
        and r.available_at <= p_now
        and (r.available_at, r.arrival) >= (v_afters[i], v_arrivals[i])
        and r.ctid <> all (v_rows)
      order by r.available_at, r.arrival
      limit p_wanted - cardinality(v_rows)
      for no key update skip locked
    ) as n;
    v_read := pg_stat_get_xact_tuples_returned('capataz.robots_claim_idx'::regclass) - v_read;
    v_rows := v_rows || coalesce(v_found, '{}');

    if v_afters[i] > '-infinity' or v_read > 500 + 4 * p_wanted then
      v_hints := coalesce(v_hints, array_fill(0::bigint, array[12]));
      if v_afters[i] = '-infinity' then
        v_hints[3 * i - 2] := v_milliseconds + least(v_read / 40, 60000);  -- 25 us per entry: about 2 % of a session's time
      end if;
      if v_found is not null or v_afters[i] = '-infinity' then
        v_first := null;
        v_first_arrival := null;
        select r.available_at, r.arrival into v_first, v_first_arrival
        from capataz.robots as r
        where r.ctid = v_found[1];
        v_hints[3 * i - 1] :=
          (extract(epoch from coalesce(v_first, p_now - interval '2 seconds')) * 1000000)::bigint;
        v_hints[3 * i] := coalesce(v_first_arrival, 0);
        v_is_changed := true;
      end if;
    end if;
  end loop;

  if v_is_changed then
    perform set_config(c_scan, v_hints::text, false);
  end if;
  perform set_config(c_given, ((v_given + cardinality(v_rows)) % 1000000)::text, false);
  return nullif(v_rows, '{}');
end
$$;

comment on function capataz_ops._lock_next_robots(text, integer, timestamp, double precision) is
  'Locks the next due robots of a module, best first.';
