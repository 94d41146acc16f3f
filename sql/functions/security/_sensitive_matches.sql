-- capataz_ops._sensitive_matches(p_text) -> rows (kind, match)
--
-- The detectors of sensitive data (specification 5.1, ADR 0022): what they find in a text, each match once.
-- email         name@host.domain
-- payment_card  13 to 19 digits, also in groups, of a known issuer's range, whose check digit is right (Luhn)
-- national_id   US social security number in groups; Spanish DNI and NIE and Chilean RUT, check character right; Brazilian CPF
--               in groups, both check digits right; Mexican CURP
-- They are made to be quiet: times, counters and ids of robots are none of these. What they cannot know is declared by
-- sensitive_paths of the module.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._sensitive_matches(p_text text)
  returns table (kind text, match text)
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if not capataz_ops._maybe_sensitive(p_text) then
    return;
  end if;

  if position('@' in p_text) > 0 then
    return query
    select distinct 'email'::text, m.found[1]
    from regexp_matches(p_text, '([[:alnum:]._%+-]+@(?:[[:alnum:]-]+\.)+[[:alpha:]]{2,})', 'g') as m (found);
  end if;

  -- each look is a query: only where its form is there
  if p_text ~ '(?:2[2-7]|[3-6][0-9])(?:[ -]?[0-9]){11}' then
    return query
    select 'payment_card'::text, c.match
    from (
      select distinct m.found[1] as match, translate(m.found[1], ' -', '') as digits
      from regexp_matches(
        p_text, '(?<![0-9A-Za-z])((?:2[2-7]|[3-6][0-9])(?:[ -]?[0-9]){11,17})(?![0-9A-Za-z])', 'g'
      ) as m (found)
    ) as c
    where (
        select sum(case when (length(c.digits) - d.place) % 2 = 1 then d.digit * 2 - 9 * (d.digit / 5) else d.digit end) % 10
        from (
          select s.place, substr(c.digits, s.place, 1)::integer as digit
          from generate_series(1, length(c.digits)) as s (place)
        ) as d
      ) = 0;
  end if;

  if p_text ~ '[0-9]{3}-[0-9]{2}-[0-9]{4}' then
    return query
    select distinct 'national_id'::text, m.found[1]
    from regexp_matches(
      p_text, '(?<![0-9-])((?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4})(?![0-9-])', 'g'
    ) as m (found);
  end if;

  if p_text ~ '[A-Z]{4}[0-9]{6}[HM][A-Z]{5}' then
    return query
    select distinct 'national_id'::text, m.found[1]
    from regexp_matches(
      p_text, '(?<![[:alnum:]])([A-Z][AEIOUX][A-Z]{2}[0-9]{6}[HM][A-Z]{5}[A-Z0-9][0-9])(?![[:alnum:]])', 'g'
    ) as m (found);
  end if;

  if p_text ~ '[0-9]{7}-?[A-HJ-NP-TV-Z]' then
    return query
    select 'national_id'::text, n.match
    from (
      select distinct m.found[1] as match, translate(translate(m.found[1], '-', ''), 'XYZ', '012') as digits
      from regexp_matches(
        p_text, '(?<![[:alnum:]-])((?:[0-9]{8}|[XYZ]-?[0-9]{7})-?[A-HJ-NP-TV-Z])(?![[:alnum:]-])', 'g'
      ) as m (found)
    ) as n
    where right(n.match, 1) = substr('TRWAGMYFPDXBNJZSQVHLCKE', left(n.digits, 8)::integer % 23 + 1, 1);
  end if;

  if p_text ~ '[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}' then
    return query
    select 'national_id'::text, f.match
    from (
      select distinct m.found[1] as match, regexp_split_to_array(translate(m.found[1], '.-', ''), '') as digits
      from regexp_matches(p_text, '(?<![0-9.])([0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2})(?![0-9-])', 'g') as m (found)
    ) as f
    where f.digits[1:9] <> array_fill(f.digits[1], array[9])
      and f.digits[10]::integer = (
        select sum(f.digits[p.place]::integer * (11 - p.place)) * 10 % 11 % 10 from generate_series(1, 9) as p (place)
      )
      and f.digits[11]::integer = (
        select sum(f.digits[p.place]::integer * (12 - p.place)) * 10 % 11 % 10 from generate_series(1, 10) as p (place)
      );
  end if;

  if p_text ~ '[0-9]{3}-[0-9kK]' then
    return query
    select 'national_id'::text, r.match
    from (
      select distinct m.found[1] as match, reverse(split_part(translate(m.found[1], '.', ''), '-', 1)) as digits
      from regexp_matches(
        p_text, '(?<![[:alnum:].-])((?:[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}|[0-9]{7,8})-[0-9kK])(?![[:alnum:]-])', 'g'
      ) as m (found)
    ) as r
    where upper(right(r.match, 1)) = (
        select substr('0123456789K0', (11 - sum(substr(r.digits, p.place, 1)::integer * (2 + (p.place - 1) % 6)) % 11)::integer + 1, 1)
        from generate_series(1, length(r.digits)) as p (place)
      );
  end if;
end
$$;

comment on function capataz_ops._sensitive_matches(text) is 'What the detectors of sensitive data find in a text.';
