-- capataz_ops._redact(p_text) -> masked, kinds
--
-- A text with *** in place of every e-mail address, national id and payment card in it, and the kinds that were found
-- (email, national_id, payment_card; null where none). Ids and cards stand alone: no letter or digit touches them, and they
-- are no part of a decimal number or a longer id. Time grows with the length of the text.
-- Locks: none. Writes: nothing. Raises: nothing.   (specification 5.1: identification of sensitive data)
create or replace function capataz_ops._redact(p_text text, out masked text, out kinds text[])
  returns record
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- what precedes or follows with a point or dash is matched too: then it is no id and no card
  c_email constant text :=
    '(?:[A-Za-z0-9._%+&*/=?^{|}~!#$\u0080-\uffff''-]+|"[^"]+")[@\uff20](?:[A-Za-z0-9\u0080-\uffff][A-Za-z0-9\u0080-\uffff-]*[.])+[A-Za-z\u0080-\uffff]{2,}';
  c_national_id constant text :=
    '(?<![0-9A-Za-z])(?:[0-9]+[.-])?'
    '(?:[0-9]{3}-[0-9]{2}-[0-9]{4}|(?:[0-9]{8}|[XYZxyz]-?[0-9]{7})-?[A-Za-z]|[0-9]{3}[.][0-9]{3}[.][0-9]{3}-[0-9]{2}'
    '|[0-9]{9}-[0-9]{2}|(?:[0-9]{1,2}[.][0-9]{3}[.][0-9]{3}|[0-9]{7,8})-[0-9Kk]|[A-Za-z]{4}[0-9]{6}[HMhm][A-Za-z]{5}[0-9A-Za-z][0-9])'
    '(?:[.-][0-9]+)?(?![0-9A-Za-z])';
  c_run constant text := '(?<![0-9A-Za-z])(?:[0-9]+[.])?[0-9](?:[ -]?[0-9]){12,}(?:[.][0-9]+)?(?![0-9A-Za-z])';
  -- groups of 4-4-4-4, 4-6-5 and 4-6-4 with other spaces and dashes, points, or two of them, between them
  c_printed constant text :=
    '(?<![0-9A-Za-z])[0-9]{4}[ .\u00a0\u2000-\u2015\u202f\u2212-]{1,2}'
    '(?:[0-9]{4}[ .\u00a0\u2000-\u2015\u202f\u2212-]{1,2}[0-9]{4}[ .\u00a0\u2000-\u2015\u202f\u2212-]{1,2}[0-9]{4}'
    '|[0-9]{6}[ .\u00a0\u2000-\u2015\u202f\u2212-]{1,2}[0-9]{4,5})(?![0-9A-Za-z])';
  v_masked text;
begin
  masked := p_text;
  if (masked collate "C" ~ capataz_ops._sensitive_pattern()) is not true then
    return;
  end if;

  if masked collate "C" ~ '[@\uff20]' then
    v_masked := regexp_replace(masked collate "C", c_email, '***', 'g');
    if v_masked <> masked then
      masked := v_masked;
      kinds := kinds || 'email'::text;
    end if;
  end if;

  if masked collate "C" ~ '[0-9]{6}[0-9HMhm]|[0-9]{3}-[0-9]{2}-[0-9]|[0-9]{3}[.][0-9]{3}-' then
    v_masked := capataz_ops._mask_matches(masked, c_national_id, 'national_id');
    if v_masked <> masked then
      masked := v_masked;
      kinds := kinds || 'national_id'::text;
    end if;
  end if;

  if masked collate "C" ~ '[0-9]{13}|[0-9]{4}[ -][0-9]{4}' then
    v_masked := capataz_ops._mask_matches(masked, c_run, 'payment_card');
    if v_masked <> masked then
      masked := v_masked;
      kinds := kinds || 'payment_card'::text;
      -- an id that a card was joined to stands alone now
      v_masked := capataz_ops._mask_matches(masked, c_national_id, 'national_id');
      if v_masked <> masked then
        masked := v_masked;
        kinds := array_remove(kinds, 'national_id') || 'national_id'::text;
      end if;
    end if;
  end if;

  if masked collate "C" ~ '[0-9]{4}(?:[.\u00a0\u2000-\u2015\u202f\u2212]|[ -][ .\u00a0\u2000-\u2015\u202f\u2212-])' then
    v_masked := capataz_ops._mask_matches(masked, c_printed, 'printed_card');
    if v_masked <> masked then
      masked := v_masked;
      kinds := array_remove(kinds, 'payment_card') || 'payment_card'::text;
    end if;
  end if;
end
$$;

comment on function capataz_ops._redact(text) is
  'A text with *** in place of e-mail addresses, national ids and payment cards, and the kinds that were found.';
