-- claim a batch of any module, complete it: two transactions
\set module random(1, :modules)
select coalesce(jsonb_agg(jsonb_build_object('execute_id', c.execute_id)), '[]')::text as results from capataz.claim_robots('Module ' || :module, 5) as c \gset
select count(*) from capataz.complete_executions(:results::jsonb);
