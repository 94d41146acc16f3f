-- RB400 names the argument, RB404 the module.
begin;
select plan(4);

select throws_ok($$select * from capataz.module_health('nobody')$$, 'RB404', 'no module "nobody"', 'unknown');
select throws_ok(
  $$select * from capataz.module_health('')$$, 'RB400', 'module_name must have 1 to 100 characters', 'an empty name'
);
select throws_ok(
  $$select * from capataz.module_health(repeat('x', 101))$$, 'RB400', 'module_name must have 1 to 100 characters', 'a long name'
);
select throws_ok(
  $$select * from capataz.module_health(e'a\nb')$$, 'RB400', 'module_name has control characters', 'two lines'
);

select * from finish();
rollback;
