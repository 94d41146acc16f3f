-- 20 robots claimed and completed, as many submitted: the queue stays as deep as it is
select count(*) from capataz.complete_executions((
  select coalesce(jsonb_agg(jsonb_build_object('execute_id', c.execute_id)), '[]')
  from capataz.claim_robots('Bench1', 20) as c
));
select count(*) from capataz.submit_robots((
  select jsonb_agg(jsonb_build_object('robot_type', 'INVOICE', 'module_name', 'Bench1'))
  from generate_series(1, 20)
));
