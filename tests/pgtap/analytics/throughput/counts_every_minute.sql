-- What ended per minute of completed_at, of all, one module, one type; minutes without have a row; before and after the fold.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A', p_types => array['T', 'U']) as m \gset
select capataz_test.module('B') as m \gset
create function pg_temp.shown(p_module text, p_type text) returns text[] language sql as $$
  select array_agg(to_char(t.minute, 'HH24:MI') || concat_ws('/', '', t.completed_count, t.failed_count, coalesce(t.error_rate::text, '-'), coalesce(t.avg_duration_ms::text, '-')))
  from capataz.throughput(p_module, p_type, 4) as t
$$;
select capataz_test.complete_some('A', 2, 10000);
select capataz_test.fail_some('A');
select capataz.complete_execution(c.execute_id)
from (select s.robot_id from capataz.submit_robot('U', '{}', 'A') as s) as s
cross join lateral (select * from capataz.claim_robots('A') where s.robot_id is not null) as c;
select capataz_test.advance('100 seconds');
select capataz_test.complete_some('B', 1, 5000);
select capataz_test.advance('60 seconds');

select is(pg_temp.shown(null, null), '{12:00/3/1/25.00/6667,12:01/0/0/-/-,12:02/1/0/0.00/5000,12:03/0/0/-/-}', 'all modules');
select is(pg_temp.shown('A', null), '{12:00/3/1/25.00/6667,12:01/0/0/-/-,12:02/0/0/-/-,12:03/0/0/-/-}', 'one module');
select is(pg_temp.shown('A', 'T'), '{12:00/2/1/33.33/10000,12:01/0/0/-/-,12:02/0/0/-/-,12:03/0/0/-/-}', 'one type of it');
select is(pg_temp.shown('A', 'U'), '{12:00/1/0/0.00/0,12:01/0/0/-/-,12:02/0/0/-/-,12:03/0/0/-/-}', 'the other type');
select is(pg_temp.shown(null, 'T'), '{12:00/2/1/33.33/10000,12:01/0/0/-/-,12:02/1/0/0.00/5000,12:03/0/0/-/-}', 'one type of all');
create temporary table before on commit drop as select * from capataz.throughput(null, 'T', 10);
select capataz.fold_counters();
select set_eq($$select * from capataz.throughput(null, 'T', 10)$$, 'select * from before', 'folded: the same');
select is((select count(*)::integer from capataz.throughput(p_minutes => 1440)), 1440, 'a day: a row a minute');

select throws_ok($$select * from capataz.throughput('nobody')$$, 'RB404', null, 'unknown module');
select throws_ok('select * from capataz.throughput(p_minutes => 0)', 'RB400', 'minutes is out of range', 'no minutes');
create role capataz_test_tied;
grant capataz_worker to capataz_test_tied;
select capataz.grant_module('B', 'capataz_test_tied');
set local role capataz_test_tied;
select is(
  (select sum(completed_count) from capataz.throughput()), 1::numeric, 'who reaches some modules sees these'
);
select throws_ok($$select * from capataz.throughput('A')$$, 'RB403', null, 'and no other');
reset role;

select * from finish();
rollback;
