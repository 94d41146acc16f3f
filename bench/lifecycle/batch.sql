-- claim a batch, complete it: two transactions; :size robots
select coalesce(jsonb_agg(jsonb_build_object('execute_id', c.execute_id)), '[]')::text as results from capataz.claim_robots('Bench', :size) as c \gset
select count(*) from capataz.complete_executions(:results::jsonb);
