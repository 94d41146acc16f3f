-- RB400 names the argument, RB404 the module.
begin;
select plan(5);

select throws_ok($$select * from capataz.health_history('nobody')$$, 'RB404', 'no module "nobody"', 'unknown');
select throws_ok($$select * from capataz.health_history(null)$$, 'RB400', 'module_name is required', 'null');
select throws_ok(
  $$select * from capataz.health_history('')$$, 'RB400', 'module_name must have 1 to 100 characters', 'an empty name'
);
select throws_ok($$select * from capataz.health_history('x', 0)$$, 'RB400', 'limit is out of range', 'no rows');
select throws_ok($$select * from capataz.health_history('x', 100001)$$, 'RB400', 'limit is out of range', 'too many');

select * from finish();
rollback;
