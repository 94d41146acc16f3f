-- RB400 without a usable name, RB404 for a cache that is not there.
begin;
select plan(8);

select throws_ok('select capataz.cached(null)', 'RB400', 'cache_name is required', 'null');
select throws_ok($$select capataz.cached('')$$, 'RB400', null, 'empty');
select throws_ok($$select capataz.cached(repeat('x', 101))$$, 'RB400', null, 'too long');
select throws_ok($$select capataz.cached('bogus')$$, 'RB404', 'no cache "bogus"', 'unknown');
select throws_ok($$select capataz.cached('Routing_Table')$$, 'RB404', null, 'names are case-sensitive');
select is(
  capataz_test.error_part($$select capataz.cached('bogus')$$, 'detail'), 'cache_name is "bogus".', 'DETAIL has the name'
);
select matches(
  capataz_test.error_part($$select capataz.cached('bogus')$$, 'hint'),
  'active_modules.*routing_table.*performance_scoreboard.*system_health', 'HINT has those that are'
);
select is((select sum(hits + misses)::integer from capataz.cache_statistics()), 0, 'nothing was counted');

select * from finish();
rollback;
