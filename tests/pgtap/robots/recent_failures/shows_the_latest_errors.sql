-- Robots that FAILED or wait for another attempt, by the time of their last error, over all categories.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');
select capataz_test.module('A') as m \gset
select capataz_test.module('B') as m \gset

select capataz_test.running('A') as e1 \gset
select capataz.fail_execution(:'e1', 'x', 'NETWORK');
select capataz_test.advance('1 second');
select capataz_test.running('B') as e2 \gset
select capataz.fail_execution(:'e2', 'x', 'VALIDATION');
select capataz_test.advance('1 second');
select capataz_test.running('B') as e3 \gset
select capataz.fail_execution(:'e3', 'x', 'NETWORK', p_retryable => false);
select capataz_test.complete_some('B');

create function pg_temp.shown(p_module text, p_limit bigint) returns text[] language sql as $$
  select array_agg(concat_ws('/', f.module_name, f.status, f.error_category, f.retry_count))
  from capataz.recent_failures(p_module, p_limit) as f
$$;
select is(
  pg_temp.shown(null, 20), '{B/FAILED/NETWORK/0,B/FAILED/VALIDATION/0,A/RETRYING/NETWORK/1}', 'the latest first'
);
select is(pg_temp.shown(null, 1), '{B/FAILED/NETWORK/0}', 'as many as asked for');
select is(pg_temp.shown('A', 20), '{A/RETRYING/NETWORK/1}', 'of one module');
select is(
  (select array_agg(last_error_at) from capataz.recent_failures('A')), array['2026-03-10 12:00:00'::timestamp], 'when it was'
);
select throws_ok($$select * from capataz.recent_failures('nobody')$$, 'RB404', null, 'unknown module');
select throws_ok('select * from capataz.recent_failures(p_limit => 201)', 'RB400', 'limit is out of range', 'too many');

create role capataz_test_tied;
grant capataz_worker to capataz_test_tied;
select capataz.grant_module('A', 'capataz_test_tied');
set local role capataz_test_tied;
select is(pg_temp.shown(null, 1), '{A/RETRYING/NETWORK/1}', 'who reaches some modules sees these');
reset role;

select * from finish();
rollback;
