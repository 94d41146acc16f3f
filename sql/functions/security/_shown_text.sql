-- capataz_ops._shown_text(p_view, p_text) -> text
--
-- A text as it is shown: full, masked (what looks sensitive reads ***), checked (full where nothing does, else hidden), or
-- hidden; null stays null.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._shown_text(p_view text, p_text text)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_text is null or p_view = 'full' then p_text
    when p_view = 'masked' then capataz_ops._mask_text(p_text)
    when p_view = 'checked' and capataz_ops._mask_text(p_text) = p_text then p_text
    else '(hidden)'
  end;
end
$$;

comment on function capataz_ops._shown_text(text, text) is 'A text as the caller may see it.';
