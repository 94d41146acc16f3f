-- Past its timeout, a silent worker, nothing reported for long: each with since when; PAUSED ones count by their timeout alone.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('S', '{"worker_timeout_seconds": 60}') as m \gset
create function pg_temp.stuck() returns text[] language sql as $$
  select coalesce(array_agg(concat_ws(' ', reason, to_char(since, 'HH24:MI:SS')) order by reason), '{}') from capataz.stuck_executions('S')
$$;
select capataz_test.running('S', 'w', 1200) as e \gset
select is(pg_temp.stuck(), '{}', 'it has just begun');
select capataz.heartbeat_worker('w', 'S');
select capataz_test.advance('61 seconds');
select is(pg_temp.stuck(), '{silent worker 12:00:00}', 'its worker is silent');
select capataz.heartbeat_worker('w', 'S');
select is(pg_temp.stuck(), '{}', 'and is back');
select capataz_test.advance('9 minutes');
select capataz.heartbeat_worker('w', 'S');
select is(pg_temp.stuck(), '{no progress 12:00:00}', 'ten minutes without a report');
select capataz.report_progress(:'e', 50, 'ocr');
select is(pg_temp.stuck(), '{}', 'a report is progress');
select capataz_test.advance('3 minutes');
select capataz.report_progress(:'e', p_current_step => 'ocr');
select capataz_test.advance('601 seconds');
select capataz.heartbeat_worker('w', 'S');
select is(pg_temp.stuck(), '{no progress 12:13:01,past timeout 12:20:00}', 'since the last report; and past its time limit');
select results_eq(
  $$select reason, for_how_long, state::text, progress::integer, step::text from capataz.stuck where module_name = 'S'$$,
  $$values ('no progress', '00:10:01'::interval, 'RUNNING', 50, 'ocr'), ('past timeout', '00:03:02', 'RUNNING', 50, 'ocr')$$, 'the view: the longest first'
);
select capataz.expire_executions();
select is(pg_temp.stuck(), '{}', 'ended');
select capataz_test.advance('1 hour');
select execute_id as p from capataz.claim_robots('S', 1, 'p') \gset
select capataz.pause_execution(:'p');
select capataz_test.advance('20 minutes');
select is(pg_temp.stuck(), '{}', 'a paused one is not stuck');
set local role capataz_viewer;
select lives_ok('select * from capataz.stuck', 'a viewer reads the view');
reset role;
select throws_ok($$select * from capataz.stuck_executions('nobody')$$, 'RB404', null, 'unknown module');

select * from finish();
rollback;
