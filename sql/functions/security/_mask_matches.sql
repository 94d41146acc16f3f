-- capataz_ops._mask_matches(p_text, p_pattern, p_kind) -> text
--
-- A text in which those matches of a pattern that are of a kind (national_id, payment_card, printed_card) are replaced by ***.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._mask_matches(p_text text, p_pattern text, p_kind text)
  returns text
  language sql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(
    concat(
      s.between,
      case p_kind
        when 'payment_card' then capataz_ops._mask_cards(m.candidate[1])
        when 'printed_card' then case
          when capataz_ops._is_payment_card(regexp_replace(m.candidate[1], '[^0-9]', '', 'g')) then '***'
          else m.candidate[1]
        end
        else case when capataz_ops._is_national_id(m.candidate[1]) then '***' else m.candidate[1] end
      end
    ),
    '' order by s.place
  )
  from regexp_split_to_table(p_text collate "C", p_pattern) with ordinality as s (between, place)
  left join regexp_matches(p_text collate "C", p_pattern, 'g') with ordinality as m (candidate, place) on m.place = s.place
$$;

comment on function capataz_ops._mask_matches(text, text, text) is
  'A text in which the matches of a pattern that are national ids, or payment cards, are replaced by ***.';
