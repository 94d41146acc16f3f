-- Rows of other modules are not there for a worker who reads the tables; its plans stay index scans (ADR 0019).
begin;
select plan(20);
select capataz_test.module('RlsA') as a \gset
select capataz_test.module('RlsB') as b \gset
create role rls_test_worker in role capataz_worker;
create role rls_test_viewer in role capataz_viewer;
select capataz.grant_module('RlsA', 'rls_test_worker');
select capataz_test.running('RlsA') as mine \gset
select capataz_test.running('RlsB') as other \gset
select robot_id as other_robot from capataz.robot_execute where execute_id = :'other' \gset

create function pg_temp.plan_of(p_query text) returns text language plpgsql as $$
declare
  v_line text;
  v_plan text := '';
begin
  set local enable_seqscan = off;  -- the tables are small here
  for v_line in execute 'explain (costs off) ' || p_query loop
    v_plan := v_plan || v_line || e'\n';
  end loop;
  return v_plan;
end
$$;
grant execute on function pg_temp.plan_of(text) to public;

set local role rls_test_worker;
select set_eq('select distinct module_name::text from capataz.robots', array['RlsA'], 'a worker reads robots of its modules');
select set_eq('select distinct module_name::text from capataz.robot_execute', array['RlsA'], 'and executions of them');
select set_eq('select module_name::text from capataz.module_registry', array['RlsA'], 'and the registry of them');
select is_empty(format('select 1 from capataz.robots where robot_id = %L', :'other_robot'), 'not by id either');
select set_eq('select distinct module_name::text from capataz.robot_details', array['RlsA'], 'views do not lead around it');
select throws_ok('update capataz.robots set priority = ''LOW''', '42501', 'permission denied for table robots', 'it writes nothing');
select matches(pg_temp.plan_of('select robot_id from capataz.robots where robot_id = ''x'''), 'Index Scan using robots_pkey', 'by id: the primary key');
select matches(
  pg_temp.plan_of('select robot_id from capataz.robots where module_name = ''RlsA'' and status in (''PENDING'', ''RETRYING'')'),
  'Index (Only )?Scan using (robots_claim_idx|idx_robots_active_processing)|Bitmap Index Scan on', 'by module: an index'
);
select matches(
  pg_temp.plan_of('select execute_id from capataz.robot_execute where robot_id = ''x'''), 'Index Scan using|Bitmap Index Scan on idx_execute_robot_progress',
  'executions of a robot: an index'
);
set local role rls_test_viewer;
select ok((select count(distinct module_name) >= 2 from capataz.robots), 'a viewer reads the rows of every module');
select unalike(
  pg_temp.plan_of('select robot_id from capataz.robots where status = ''PENDING'' and module_name = ''RlsA'''), '%SubPlan%',
  'and its plans have no guard in them'
);
reset role;

-- groups add up: columns of the one with rows of the other would be payloads of every module
create role rls_test_both in role capataz_worker, capataz_viewer;
create role rls_test_chief in role capataz_worker, capataz_operator;
create role rls_test_gateway in role capataz_gateway, capataz_viewer, capataz_operator;
select capataz.grant_module('RlsA', 'rls_test_both');
set local role rls_test_both;
select set_eq('select distinct module_name::text from capataz.robots', array['RlsA'], 'who is worker and viewer reads what a worker reads');
select set_eq('select distinct module_name::text from capataz.robot_execute', array['RlsA'], 'executions too');
select set_eq('select module_name::text from capataz.module_registry', array['RlsA'], 'and modules, whose errors workers see');
select ok((select input_data from capataz.robots limit 1) is not null, 'payloads of its modules in full');
select is(
  (capataz.get_robot(:'other_robot')).module_name, 'RlsB', 'functions show it the others as they show them to viewers'
);
set local role rls_test_chief;
select ok((select count(distinct module_name) >= 2 from capataz.robots), 'who is worker and operator reads every row');
set local role rls_test_gateway;
select is_empty('select 1 from capataz.robots', 'a gateway reads nothing but what the functions show its key, whatever it is besides');
select is_empty('select 1 from capataz.robot_execute', 'executions neither');
select is_empty('select 1 from capataz.module_registry', 'nor modules');
reset role;

select * from finish();
rollback;
