-- Losing a worker costs a retry each time, so that a robot that kills its worker ends FAILED.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('V') as m \gset
select robot_id as r from capataz.submit_robot('T', p_module_name => 'V', p_retry_limit => 2) \gset
create temporary table seen (status text) on commit drop;
do $$
begin
  for i in 1..3 loop
    perform capataz.heartbeat_worker('w-' || i, 'V');
    perform count(*) from capataz.claim_robots('V', 1, 'w-' || i);
    perform capataz_test.advance('31 seconds');
    perform capataz.expire_executions();
    insert into seen select status::text from capataz.robots where module_name = 'V';
  end loop;
end
$$;
select results_eq('select status from seen', $$values ('RETRYING'), ('RETRYING'), ('FAILED')$$, 'two retries, then FAILED');
select is((capataz.get_robot(:'r')).error_category::text, 'WORKER_LOST', 'with WORKER_LOST');

select * from finish();
rollback;
