-- running, modules and today, as people in psql read them; viewers may, and no payload is in them.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A', '{"max_concurrency": 7}') as m \gset
select capataz_test.complete_some('A', 1, 2000);
select capataz_test.fail_some('A');
select capataz_test.running('A', 'w') as e \gset
select capataz_test.advance('10 seconds');
select capataz.report_progress(:'e', 25, 'ocr', 'PROCESSING', p_cpu_usage_percent => 50, p_memory_usage_mb => 64);
select capataz_test.robot('A') as r \gset
set local role capataz_viewer;
select results_eq(
  $$select module_name::text, robot_type::text, priority::text, state::text, progress::integer, step::text, running_for, time_left, attempt, cpu_percent, memory_mb, worker_id::text
    from capataz.running$$,
  $$values ('A', 'T', 'NORMAL', 'RUNNING', 25, 'ocr', '00:00:10'::interval, '00:00:30'::interval, 1, 50.00, 64, 'w')$$, 'running: how far, and how long yet'
);
select results_eq(
  $$select module_name::text, is_active, health::text, failures_in_row, running, max_concurrency, success_rate_24h, error_count_24h from capataz.modules$$,
  $$values ('A', true, 'UNKNOWN', 1, 1::bigint, 7, 50.00, 1)$$, 'modules: how it is'
);
select results_eq(
  $$select module_name::text, robot_type::text, completed, failed, error_rate, avg_duration_ms from capataz.today$$,
  $$values ('A', 'T', 1::bigint, 1::bigint, 50.00, 2000::bigint)$$, 'today: what ended'
);
reset role;
select capataz_test.set_clock('2026-03-11 00:00:10');
select is_empty('select * from capataz.today', 'a new day begins at midnight UTC');
select capataz_test.set_clock('2026-03-10 23:59:59');
select isnt_empty('select * from capataz.today', 'not before');
select set_eq(
  $$select c.relname::text from pg_class as c where c.relnamespace = 'capataz'::regnamespace and c.relkind = 'v'
    and c.relname in ('running', 'stuck', 'queue', 'modules', 'today')$$,
  array['running', 'stuck', 'queue', 'modules', 'today'], 'five views with plain names'
);
select is_empty(
  $$select c.relname, a.attname from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
    where c.relname in ('running', 'stuck', 'queue', 'modules', 'today') and c.relnamespace = 'capataz'::regnamespace
      and a.attname in ('input_data', 'output_data', 'error_details', 'error_message', 'registration_data', 'last_error_message', 'step_details')$$,
  'without payload'
);

select * from finish();
rollback;
