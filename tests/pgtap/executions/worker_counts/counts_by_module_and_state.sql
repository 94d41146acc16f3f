-- Workers alive, stopped in order, or lost within a day.
begin;
select plan(3);
select capataz_test.set_clock('2026-03-10 08:00:00');
select capataz_test.module('M') as m \gset
select capataz.heartbeat_worker('a', 'M'), capataz.heartbeat_worker('b', 'M'), capataz.heartbeat_worker('c', 'M');
select capataz.stop_worker('b');
select capataz_test.advance('10 minutes');
select capataz.heartbeat_worker('a', 'M');
select capataz.expire_executions();
select results_eq(
  $$select module_name::text, state, worker_count from capataz.worker_counts('M')$$,
  $$values ('M', 'alive', 1::bigint), ('M', 'lost', 1), ('M', 'stopped', 1)$$, 'one each'
);
select capataz_test.advance('25 hours');
select results_eq(
  'select state, worker_count from capataz.worker_counts()', $$values ('alive', 1::bigint)$$, 'what ended more than a day ago is forgotten'
);
select throws_ok($$select * from capataz.worker_counts('nobody')$$, 'RB404', null, 'of an unknown module');
select * from finish();
rollback;
