-- capataz_ops._is_national_id(p_text) -> boolean
--
-- Whether a text (nothing around it) is a national id: US social security number (123-45-6789, areas that are issued),
-- Spanish DNI and NIE (check letter), Brazilian CPF (123.456.789-09 or 123456789-09, check digits), Chilean RUT
-- (12.345.678-5 or 12345678-5, check digit; not where the digits read as a date), Mexican CURP (format, states, dates).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._is_national_id(p_text text)
  returns boolean
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text constant text := upper(p_text collate "C");
  v_digits text;
  v_digit integer[];
  v_sum integer;
begin
  if v_text ~ '^[0-9]{3}-[0-9]{2}-[0-9]{4}$' then
    return v_text !~ '^(?:000|666|9)|-00-|-0000$';

  elsif v_text ~ '^(?:[0-9]{8}|[XYZ]-?[0-9]{7})-?[A-Z]$' then
    v_digits := replace(translate(left(v_text, -1), 'XYZ', '012'), '-', '');
    if right(v_text, 1) = substr('TRWAGMYFPDXBNJZSQVHLCKE', v_digits::integer % 23 + 1, 1) then
      return true;
    end if;
  end if;

  if v_text ~ '^[0-9]{3}[.]?[0-9]{3}[.]?[0-9]{3}-[0-9]{2}$' then
    v_digits := translate(v_text, '.-', '');
    if v_digits ~ '^([0-9])\1*$' then
      return false;
    end if;
    v_digit := string_to_array(v_digits, null)::integer[];
    for v_place in 10..11 loop
      select (sum(v_digit[w.place] * (v_place + 1 - w.place)) * 10 % 11 % 10)::integer into v_sum
      from generate_series(1, v_place - 1) as w (place);
      if v_sum <> v_digit[v_place] then
        return false;
      end if;
    end loop;
    return true;

  elsif v_text ~ '^(?:[0-9]{1,2}[.][0-9]{3}[.][0-9]{3}|[0-9]{7,8})-[0-9K]$' then
    v_digits := translate(left(v_text, -2), '.', '');
    if v_text ~ '^(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])-' then
      return false;
    end if;
    -- weights 2 to 7 from the right, again and again
    select (sum(d.digit::integer * ((length(v_digits) - d.place) % 6 + 2)) % 11)::integer into v_sum
    from unnest(string_to_array(v_digits, null)) with ordinality as d (digit, place);
    return right(v_text, 1) = substr('0K987654321', v_sum + 1, 1);
  end if;

  return v_text ~ (
    '^[A-Z][AEIOUX][A-Z]{2}[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[HM]'
    '(?:AS|BC|BS|CC|CL|CM|CS|CH|DF|CX|DG|GT|GR|HG|JC|MC|MN|MS|NT|NL|OC|PL|QT|QR|SP|SL|SR|TC|TS|TL|VZ|YN|ZS|NE)'
    '[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z][0-9]$'
  );
end
$$;

comment on function capataz_ops._is_national_id(text) is
  'Whether a text is a US, Spanish, Brazilian, Chilean or Mexican national id.';
