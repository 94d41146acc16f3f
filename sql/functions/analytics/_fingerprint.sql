-- capataz_ops._fingerprint(p_message) -> text: 12 hexadecimal digits; empty = there was no message
--
-- What messages of the same kind have in common (specification 4.2, ADR 0025): quoted values, addresses, paths, and every word
-- with a digit in it (numbers, ids, hexadecimal, times) are left out, upper and lower case are the same; what remains is
-- hashed. So nothing of the message can be read from it. Of a message the first 300 characters count.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._fingerprint(p_message text)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := lower(left(coalesce(p_message, ''), 300));
begin
  if v_text = '' then
    return '';
  end if;
  v_text := regexp_replace(v_text, '(?<![[:alnum:]])(''[^'']*''|"[^"]*"|`[^`]*`)(?![[:alnum:]])', '?', 'g');
  v_text := regexp_replace(v_text, '[a-z][a-z0-9+.-]*://[^[:space:]]+|[^[:space:]]+@[^[:space:]]+|[a-z]:\\[^[:space:]]*|~?/[^[:space:]]+', '?', 'g');
  v_text := regexp_replace(v_text, '[[:alnum:]_.:-]*[0-9][[:alnum:]_.:+%-]*|[0-9a-f]{16,}', '?', 'g');
  v_text := btrim(regexp_replace(v_text, '[[:space:]?,;]*\?[[:space:]?,;]*|[[:space:]]+', ' ', 'g'));
  return left(encode(sha256(convert_to(v_text, 'UTF8')), 'hex'), 12);
end
$$;

comment on function capataz_ops._fingerprint(text) is 'A hash of what messages of the same kind have in common.';
