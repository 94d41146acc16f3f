-- capataz_ops._mask_cards(p_run) -> text
--
-- A run of digits with single spaces or dashes between them, payment cards in it replaced by ***; unchanged where it has none.
-- A card is one group of digits, groups as they are printed on cards (4-4-4-4 and the like, 4-6-5, 4-6-4), or the whole run.
-- A decimal number is no card, unless its decimals are zeros; what stands beside it may be. A run of more than 4,000 characters in which groups look like a card's is masked whole.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_cards(p_run text)
  returns text
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_head text;
  v_middle text;
  v_tail text;
  v_groups text[];
  v_gaps text[];
  v_sizes text;  -- of the groups, a digit each
  v_place integer := 1;
  v_width integer;
  v_masked text := '';
begin
  if p_run ~ '^[^.]*[.]0+$' then
    return capataz_ops._mask_cards(split_part(p_run, '.', 1)) || '.' || split_part(p_run, '.', 2);
  elsif position('.' in p_run) > 0 then
    -- a decimal number before or behind is left; what stands beside it is looked at
    v_head := coalesce(substring(p_run from '^[0-9]+[.][0-9]+(?:[ -]|$)'), '');
    v_tail := coalesce(substring(substr(p_run, length(v_head) + 1) from '(?:[ -]|^)[0-9]+[.][0-9]+$'), '');
    v_middle := substr(p_run, length(v_head) + 1, length(p_run) - length(v_head) - length(v_tail));
    return case
      when v_middle = '' or position('.' in v_middle) > 0 then p_run
      else v_head || capataz_ops._mask_cards(v_middle) || v_tail
    end;
  elsif length(p_run) <= 37 and capataz_ops._is_payment_card(translate(p_run, ' -', '')) then
    return '***';
  elsif p_run !~ '[ -]' or translate(p_run, '-', ' ') like '____ ____ ____ ____' then
    return p_run;
  end if;

  if length(p_run) > 4000 then
    return case
      when p_run ~ '[0-9]{13}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4}' then '***'
      else p_run
    end;
  end if;

  v_groups := regexp_split_to_array(p_run, '[ -]');
  v_gaps := regexp_split_to_array(p_run, '[0-9]+');  -- the first one is empty
  select string_agg(least(length(g.digits), 9)::text, '' order by g.place) into v_sizes
  from unnest(v_groups) with ordinality as g (digits, place);

  if v_sizes !~ '9|444|46[45]' then
    return p_run;
  end if;
  while v_place <= length(v_sizes) loop
    v_width := case substr(v_sizes, v_place, 1)
      when '9' then 1
      when '4' then length(substring(substr(v_sizes, v_place, 5) from '^(?:4444[1-3]?|444[1-3]|46[45])'))
    end;
    if v_width = 5
       and not capataz_ops._is_payment_card(array_to_string(v_groups[v_place:v_place + 4], ''))
    then
      v_width := 4;
    end if;
    v_masked := v_masked || v_gaps[v_place];
    if capataz_ops._is_payment_card(array_to_string(v_groups[v_place:v_place + v_width - 1], '')) then
      v_masked := v_masked || '***'::text;
      v_place := v_place + v_width;
    else
      v_masked := v_masked || v_groups[v_place];
      v_place := v_place + 1;
    end if;
  end loop;
  return v_masked;
end
$$;

comment on function capataz_ops._mask_cards(text) is
  'A run of digits, spaces and dashes, payment cards in it replaced by ***.';
