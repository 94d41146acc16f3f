-- capataz_ops._is_payment_card(p_digits) -> boolean
--
-- Whether a text is the number of a payment card: length and first digits of a known network (Visa,
-- Mastercard, American Express, Diners, JCB, Discover, UnionPay, Maestro, Mir) and the check digit of Luhn.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._is_payment_card(p_digits text)
  returns boolean
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_length constant integer := length(p_digits);
  v_first constant integer := substring(p_digits from '^([0-9]{4})[0-9]{9,15}$')::integer;
  v_plain bytea;
  v_doubled bytea;
begin
  if v_length not between 13 and 19
     or (
       case
         when v_first between 4000 and 4999 then v_length in (13, 16, 19)
         when v_first between 5100 and 5599 or v_first between 2221 and 2720 then v_length = 16
         when v_first between 3400 and 3499 or v_first between 3700 and 3799 then v_length = 15
         when v_first between 3000 and 3059 or v_first between 3600 and 3699 or v_first between 3800 and 3999
           then v_length >= 14
         when v_first between 3528 and 3589 or v_first = 6011 or v_first between 6200 and 6299
           or v_first between 6440 and 6599 or v_first between 2200 and 2204
           then v_length >= 16
         else v_first between 5000 and 5099 or v_first between 5600 and 5899 or v_first between 6761 and 6763
           or v_first in (6304, 6759)
       end
     ) is not true
  then
    return false;
  end if;

  -- Luhn: from the right, every second digit is doubled, and counts as the sum of its digits; twenty zeros, in ASCII, add 960
  v_plain := convert_to(lpad(p_digits, 20, '0'), 'UTF8');
  v_doubled := convert_to(lpad(translate(p_digits, '0123456789', '0246813579'), 20, '0'), 'UTF8');
  return (
    get_byte(v_plain, 19) + get_byte(v_doubled, 18) + get_byte(v_plain, 17) + get_byte(v_doubled, 16) + get_byte(v_plain, 15)
    + get_byte(v_doubled, 14) + get_byte(v_plain, 13) + get_byte(v_doubled, 12) + get_byte(v_plain, 11) + get_byte(v_doubled, 10)
    + get_byte(v_plain, 9) + get_byte(v_doubled, 8) + get_byte(v_plain, 7) + get_byte(v_doubled, 6) + get_byte(v_plain, 5)
    + get_byte(v_doubled, 4) + get_byte(v_plain, 3) + get_byte(v_doubled, 2) + get_byte(v_plain, 1) + get_byte(v_doubled, 0)
  ) % 10 = 0;
end
$$;

comment on function capataz_ops._is_payment_card(text) is
  'Whether digits are the number of a payment card, by known prefixes, length and check digit.';
