-- capataz_ops._next_due(p_schedule, p_after) -> timestamp
--
-- First minute after p_after that a schedule of five fields (minute, hour, day, month, weekday; UTC) names; null where
-- there is none within ten years. As in cron: where neither day nor weekday begins with *, either of them will do; 7 is
-- Sunday too. One place for pg_cron's databases and for tickers; tests hold it against the parser that `capataz tick` uses.
-- Locks: none. Writes: nothing. Raises: RB400 for a schedule that is not usable.
create or replace function capataz_ops._next_due(p_schedule text, p_after timestamp)
  returns timestamp
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fields constant text[] := regexp_split_to_array(btrim(p_schedule), '\s+');
  v_minutes integer[];
  v_hours integer[];
  v_days integer[];
  v_months integer[];
  v_weekdays integer[];
  v_is_both boolean;
  v_day timestamp;
  v_from timestamp;
  v_found timestamp;
begin
  if cardinality(v_fields) is distinct from 5 then
    raise exception using
      errcode = 'RB400',
      message = 'a schedule has five fields',
      detail = format('schedule is "%s".', left(p_schedule, 60)),
      hint = 'Give minute, hour, day, month and weekday, such as */15 * * * *';
  end if;
  v_minutes := capataz_ops._cron_field('minute', v_fields[1], 0, 59);
  v_hours := capataz_ops._cron_field('hour', v_fields[2], 0, 23);
  v_days := capataz_ops._cron_field('day', v_fields[3], 1, 31);
  v_months := capataz_ops._cron_field('month', v_fields[4], 1, 12);
  v_weekdays := capataz_ops._cron_field('weekday', v_fields[5], 0, 7);
  v_is_both := v_fields[3] ~ '^\*' or v_fields[5] ~ '^\*';

  v_from := date_trunc('minute', p_after) + interval '1 minute';
  v_day := date_trunc('day', v_from);
  while v_day < p_after + interval '10 years' loop
    if extract(month from v_day) <> all (v_months) then
      v_day := date_trunc('month', v_day) + interval '1 month';
      continue;
    end if;
    if (
      case
        when v_is_both
          then extract(day from v_day) = any (v_days)
            and (extract(dow from v_day) = any (v_weekdays) or extract(isodow from v_day) = any (v_weekdays))
        else extract(day from v_day) = any (v_days)
          or extract(dow from v_day) = any (v_weekdays)
          or extract(isodow from v_day) = any (v_weekdays)
      end
    )
    then
      select min(v_day + make_interval(hours => h.n, mins => m.n)) into v_found
      from unnest(v_hours) as h (n)
      cross join unnest(v_minutes) as m (n)
      where v_day + make_interval(hours => h.n, mins => m.n) >= v_from;
      if v_found is not null then
        return v_found;
      end if;
    end if;
    v_day := v_day + interval '1 day';
  end loop;
  return null;
end
$$;

comment on function capataz_ops._next_due(text, timestamp) is
  'When a cron schedule (UTC) is due next after a time. RB400.';
