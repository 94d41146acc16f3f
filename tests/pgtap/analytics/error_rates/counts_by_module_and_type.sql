-- What ended per module and robot type in hours of the clock, with its error rate; three months back.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:30:00');

select capataz_test.module('A', p_types => array['T', 'U']) as m \gset
select capataz_test.module('B') as m \gset
select capataz_test.complete_some('A', 3, 100);
select capataz_test.fail_some('A');
select is_empty($$select * from capataz.error_rates('B')$$, 'nothing ended: no row');
select results_eq(
  'select * from capataz.error_rates()', $$values ('A'::varchar, 'T'::varchar, 3::bigint, 1::bigint, 25.00, 100::bigint)$$, 'not folded yet'
);
select capataz.fold_counters();
select results_eq(
  'select * from capataz.error_rates()', $$values ('A'::varchar, 'T'::varchar, 3::bigint, 1::bigint, 25.00, 100::bigint)$$, 'folded: the same'
);
select capataz_test.advance('30 minutes');
select is_empty($$select * from capataz.error_rates('A', 1)$$, 'an hour of the clock later: not in this hour');
select isnt_empty($$select * from capataz.error_rates('A', 2)$$, 'but in two');
select capataz_test.advance('60 days');
select capataz.fold_counters();
select capataz.trim_windows();
select is((select completed_count from capataz.error_rates('A', 2208)), 3::bigint, 'two months back');
select capataz_test.advance('320 days');
select capataz.trim_windows();
select is_empty($$select from capataz_ops.type_hours where module_name = 'A'$$, 'kept for a year, no longer');
select throws_ok('select * from capataz.error_rates(p_hours => 0)', 'RB400', 'hours is out of range', 'no hours');

select * from finish();
rollback;
