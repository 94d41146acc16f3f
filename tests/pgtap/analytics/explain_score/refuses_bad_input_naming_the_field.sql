-- RB400 names the argument, RB404 the module.
begin;
select plan(4);

select throws_ok($$select * from capataz.explain_score('nobody')$$, 'RB404', 'no module "nobody"', 'unknown');
select throws_ok($$select * from capataz.explain_score(null)$$, 'RB400', 'module_name is required', 'null');
select throws_ok(
  $$select * from capataz.explain_score('')$$, 'RB400', 'module_name must have 1 to 100 characters', 'an empty name'
);
select throws_ok(
  $$select * from capataz.explain_score(e'a\nb')$$, 'RB400', 'module_name has control characters', 'a line break'
);

select * from finish();
rollback;
