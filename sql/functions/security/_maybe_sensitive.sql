-- capataz_ops._maybe_sensitive(p_text) -> boolean
--
-- Whether a text, or the text of a JSON value, has something in the form of what _sensitive_matches looks for. It stands
-- before every look in detail, and costs little: an @, or digits in groups as in these forms, come first (ADR 0022). Null: no.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._maybe_sensitive(p_text text)
  returns boolean
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_text;
begin
  if (position('@' in p_text) > 0 or p_text ~ '[0-9]{6}|[0-9]{4}[ -][0-9]{4}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]\.[0-9]{3}\.[0-9]{3}') is not true then
    return false;
  end if;
  if position('\' in p_text) > 0 then
    v_text := regexp_replace(p_text, '\\(?:u[0-9a-f]{4}|.)', ' ', 'g');  -- escapes in the text of JSON
  end if;
  return position('@' in v_text) > 0
      and v_text ~ '[[:alnum:]]@(?:[[:alnum:]-]+\.)+[[:alpha:]]{2}'
    or v_text ~ '(?<![0-9A-Za-z])(?:2[2-7]|[3-6][0-9])(?:[ -]?[0-9]){11,17}(?![0-9A-Za-z])'
    or v_text ~ '(?<![0-9-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9-])'
    or v_text ~ '(?<![[:alnum:]-])(?:[0-9]{8}|[XYZ]-?[0-9]{7})-?[A-HJ-NP-TV-Z](?![[:alnum:]-])'
    or v_text ~ '(?<![[:alnum:]])[A-Z][AEIOUX][A-Z]{2}[0-9]{6}[HM][A-Z]{5}[A-Z0-9][0-9](?![[:alnum:]])'
    or v_text ~ '(?<![0-9.])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![0-9-])'
    or v_text ~ '(?<![[:alnum:].-])(?:[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}|[0-9]{7,8})-[0-9kK](?![[:alnum:]-])';
end
$$;

comment on function capataz_ops._maybe_sensitive(text) is 'Whether a text has something in the form of sensitive data.';
