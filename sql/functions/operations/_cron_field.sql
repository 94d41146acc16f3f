-- capataz_ops._cron_field(p_name, p_field, p_min, p_max) -> integer[]
--
-- The values that one field of a schedule stands for, in order: *, n, n-m, */s, n-m/s, and lists of these.
-- Locks: none. Writes: nothing. Raises: RB400 naming the field.
create or replace function capataz_ops._cron_field(p_name text, p_field text, p_min integer, p_max integer)
  returns integer[]
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_values integer[] := '{}'::integer[];
  v_item text;
  v_parts text[];
  v_from integer;
  v_to integer;
  v_step integer;
begin
  foreach v_item in array string_to_array(p_field, ',') loop
    v_parts := regexp_match(v_item, '^(?:\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?$');
    v_from := coalesce(v_parts[1]::integer, p_min);
    v_to := coalesce(v_parts[2]::integer, v_parts[1]::integer, p_max);
    v_step := coalesce(v_parts[3]::integer, 1);
    if v_parts is null
       or v_from < p_min
       or v_to > p_max
       or v_from > v_to
       or v_parts[2] is not null and v_from = v_to  -- the ticker's parser reads 0-0 of weekdays as all of them
       or v_step = 0
       or v_parts[3] is not null and v_parts[1] is not null and v_parts[2] is null
    then
      raise exception using
        errcode = 'RB400',
        message = format('%s of the schedule is not usable', p_name),
        detail = format('%s is "%s".', p_name, left(p_field, 60)),
        hint = format('Give *, numbers from %s to %s, ranges such as 1-5, steps such as */15, or a list of these.', p_min, p_max);
    end if;
    v_values := v_values || array(select g.n from generate_series(v_from, v_to, v_step) as g (n));
  end loop;
  return array(select distinct u.n from unnest(v_values) as u (n) order by u.n);
end
$$;

comment on function capataz_ops._cron_field(text, text, integer, integer) is
  'Values of one field of a cron schedule; RB400 names the field.';
