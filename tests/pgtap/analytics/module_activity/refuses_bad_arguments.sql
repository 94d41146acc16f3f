-- RB400 names the argument, RB404 the module.
begin;
select plan(7);

select throws_ok($$select * from capataz.module_activity('nobody')$$, 'RB404', 'no module "nobody"', 'unknown');
select throws_ok(
  $$select * from capataz.module_activity('')$$, 'RB400', 'module_name must have 1 to 100 characters', 'an empty name'
);
select throws_ok(
  $$select * from capataz.module_activity(repeat('x', 101))$$, 'RB400', 'module_name must have 1 to 100 characters', 'a long name'
);
select throws_ok($$select * from capataz.module_activity(null, 0)$$, 'RB400', 'minutes is out of range', 'no minutes');
select throws_ok($$select * from capataz.module_activity(null, -5)$$, 'RB400', 'minutes is out of range', 'negative');
select throws_ok($$select * from capataz.module_activity(null, 1441)$$, 'RB400', 'minutes is out of range', 'more than a day');
select lives_ok($$select * from capataz.module_activity(null, 1440)$$, 'a day');

select * from finish();
rollback;
