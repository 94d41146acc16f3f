-- claim one robot, complete it: two transactions
select coalesce(max(c.execute_id), '') as execute_id from capataz.claim_robots('Bench') as c \gset
select capataz.complete_execution(:execute_id);
