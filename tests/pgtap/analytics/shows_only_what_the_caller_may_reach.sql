-- A role that is tied to one module sees that module alone in every analytics function (ADR 0019).
begin;
select plan(12);
select capataz_test.set_clock('2026-03-10 12:00:00');
create function pg_temp.work(p_name text) returns void language plpgsql as $$
declare
  v_execute_id text;
begin
  perform capataz_test.module(p_name);
  perform capataz_test.complete_some(p_name, 2, 1000);
  v_execute_id := capataz_test.running(p_name);
  perform capataz.report_progress(v_execute_id, p_current_step => 'ocr');
  perform capataz_test.advance('1 second');
  perform capataz.fail_execution(v_execute_id, 'it broke', p_retryable => false);
  perform capataz_test.robots(p_name, 3);
end
$$;
select pg_temp.work('Mine'), pg_temp.work('Other');
select capataz.fold_counters(), capataz.fold_analytics(), capataz.store_forecasts();
select capataz_test.advance('1 day');
select capataz.fold_counters(), capataz.store_forecasts();
create role reach_test in role capataz_worker;
select capataz.grant_module('Mine', 'reach_test');
create temporary table calls on commit drop as
select f.name, format('select distinct module_name::text from capataz.%s() order by 1', f.name) as call
from unnest(array[
  'performance_scoreboard', 'module_benchmark', 'step_analysis', 'error_patterns', 'capacity_plan', 'queue_forecast'
]) as f (name);
grant select on calls to public;

select results_eq(c.call, $$values ('Mine'), ('Other')$$, c.name || ' shows all to who may see all')
from calls as c
order by c.name;
set local role reach_test;
select results_eq(c.call, $$values ('Mine')$$, c.name || ' shows what is granted')
from calls as c
order by c.name;
reset role;

select * from finish();
rollback;
