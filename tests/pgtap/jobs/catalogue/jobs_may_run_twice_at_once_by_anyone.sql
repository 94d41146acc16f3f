-- Every job may be called at any time, again and again, by an operator.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('F') as m \gset
select capataz_test.fail_some('F', 2);
set local role capataz_operator;
select is(
  (select array_agg(capataz.run_job(j)) from unnest('{fold_counters,expire_executions,find_stragglers}'::text[]) as j),
  '{ok,ok,ok}', 'once'
);
select is(
  (select array_agg(capataz.run_job(j)) from unnest('{fold_counters,expire_executions,find_stragglers}'::text[]) as j),
  '{ok,ok,ok}', 'twice'
);
reset role;
select is((capataz_test.module_row('F')).error_count_24h, 2, 'figures are the same');

select * from finish();
rollback;
