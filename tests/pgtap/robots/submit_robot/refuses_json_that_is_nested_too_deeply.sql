-- JSON may have 100 levels, however few bytes it has where it comes from: a table may hold it compressed.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('M') as m \gset
create temporary table given (name text, value jsonb) on commit drop;
insert into given
select d.name, (repeat('[', d.depth) || repeat(']', d.depth))::jsonb
from (values ('fits', 100), ('deep', 101), ('compressed', 6000)) as d (name, depth);

select ok((select pg_column_size(g.value) < 4194304 and pg_column_compression(g.value) is not null from given as g where g.name = 'compressed'), 'one is compressed');
select lives_ok($$select capataz.submit_robot('T', (select g.value from given as g where g.name = 'fits'), 'M')$$, '100 levels');
select throws_ok(
  $$select capataz.submit_robot('T', (select g.value from given as g where g.name = 'deep'), 'M')$$,
  'RB400', 'input_data is nested too deeply', '101 levels'
);
select throws_ok(
  $$select capataz.submit_robot('T', g.value, 'M') from given as g where g.name = 'compressed'$$,
  'RB400', 'input_data is nested too deeply', '6000 levels, compressed'
);
insert into given select 'few bytes', ('[' || repeat('[', 110) || repeat(']', 110) || ', "' || repeat('x', 30000) || '"]')::jsonb;
select throws_ok(
  $$select capataz.submit_robot('T', g.value, 'M') from given as g where g.name = 'few bytes' and pg_column_size(g.value) <= 800$$,
  'RB400', 'input_data is nested too deeply', 'less than 800 bytes, compressed'
);

select * from finish();
rollback;
