-- RB400 with the field's name; RB404 for an unknown module.
begin;
select plan(4);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('C') as m \gset
create temporary table bad (field text, call text) on commit drop;
insert into bad
values
  ('module_name', 'null'), ('module_name', $$''$$), ('module_name', $$repeat('x', 101)$$),
  ('batch_size', $$'C', 0$$), ('batch_size', $$'C', -1$$), ('batch_size', $$'C', 1001$$), ('batch_size', $$'C', 9223372036854775807$$),
  ('worker_id', $$'C', 1, ''$$), ('worker_id', $$'C', 1, repeat('w', 101)$$), ('worker_id', $$'C', 1, e'w\n'$$),
  ('timeout_seconds', $$'C', 1, null, 0$$), ('timeout_seconds', $$'C', 1, null, 2147483648$$);
select is_empty(
  $$select field, call from bad
    where capataz_test.outcome(format('select * from capataz.claim_robots(%s)', call)) <> 'RB400'
      or strpos(capataz_test.error_part(format('select * from capataz.claim_robots(%s)', call), 'message'), field) = 0$$, 'each is RB400 and names the field'
);
select throws_ok($$select * from capataz.claim_robots('nobody')$$, 'RB404', 'no module "nobody"', 'an unknown module');
select lives_ok($$select * from capataz.claim_robots('C', null, null, null)$$, 'null means the default');
select is((select count(*)::integer from capataz.robots where module_name = 'C'), 0, 'nothing changed');

select * from finish();
rollback;
