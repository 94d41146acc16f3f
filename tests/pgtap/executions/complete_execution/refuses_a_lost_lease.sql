-- Unknown id RB404; ended or past its timeout RB409 with the state in DETAIL; nothing changes (design 4, 5).
begin;
select plan(12);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('D') as m \gset
select capataz_test.running('D', p_timeout_seconds => 10) as e \gset
select capataz_test.advance('10 seconds');
select is(
  capataz_test.outcome(format('select capataz.complete_execution(%L)', :'e')), 'ok', 'at the very second the lease holds'
);
select capataz_test.advance('1 microsecond');
create temporary table calls (call text) on commit drop;
insert into calls
values ('complete_execution(%L)'), ('fail_execution(%L, ''x'')'), ('report_progress(%L, 5)'), ('report_progress(%L)'), ('pause_execution(%L)'),
  ('resume_execution(%L)'), ('retry_step(%L, ''x'')');
select is_empty(
  format($$select call from calls where capataz_test.outcome(format('select capataz.' || call, %L)) <> 'RB409'$$, :'e'), 'past its timeout: RB409 for every call'
);
select matches(
  capataz_test.error_part(format('select capataz.complete_execution(%L)', :'e'), 'message'), 'is past its timeout', 'the message says so'
);
select is(
  capataz_test.error_part(format('select capataz.complete_execution(%L)', :'e'), 'detail'), 'execution_state is RUNNING.', 'DETAIL has the state'
);
select is((capataz_test.execution(:'e')).execution_state::text, 'RUNNING', 'an error undoes every write: the job ends it');
select is(capataz.expire_executions(), 1, 'as here');
select is_empty(
  format($$select call from calls where capataz_test.outcome(format('select capataz.' || call, %L)) <> 'RB409'$$, :'e'), 'ended: RB409 for every call'
);
select is(
  capataz_test.error_part(format('select capataz.complete_execution(%L)', :'e'), 'detail'),
  'execution_state is FAILED. error_category is TIMEOUT.', 'DETAIL has state and category'
);
select is_empty(
  $$select call from calls where capataz_test.outcome(format('select capataz.' || call, 'nobody')) <> 'RB404'$$,
  'unknown: RB404 for every call'
);
select is_empty(
  $$select call from calls where capataz_test.outcome(format('select capataz.' || call, null)) <> 'RB400'$$,
  'null: RB400 for every call'
);
select is_empty(
  $$select call from calls where capataz_test.outcome(format('select capataz.' || call, '')) <> 'RB400'$$,
  'empty: RB400 for every call'
);
select is_empty(
  $$select call from calls where capataz_test.outcome(format('select capataz.' || call, repeat('x', 51))) <> 'RB400'$$,
  '51 characters: RB400'
);

select * from finish();
rollback;
