-- capataz_ops._job_states: view, one row per job: is it due, is it late, when is its turn
--
-- Due from next_due_at on; also where that lies further ahead than it can (the clock was set back). Late: still not run
-- two more intervals after that, at most an hour. run_order: the one that waits for rows
-- of modules comes first, while the transaction holds none (no two calls wait in a circle), those that are seldom due next.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz_ops._job_states
  with (security_invoker = true)
as
select
  j.job_name,
  coalesce(
    j.next_due_at <= t.at or j.next_due_at > t.at + make_interval(secs => 2.0 * j.every_seconds + 3600), true
  ) as is_due,
  coalesce(j.next_due_at < t.at - make_interval(secs => least(2.0 * j.every_seconds, 3600)), false) as is_late,
  rank() over (order by j.job_name <> 'expire_executions', j.every_seconds desc, j.job_name) as run_order
from capataz_ops.jobs as j
cross join lateral (select capataz.utc_now() as at) as t;

comment on view capataz_ops._job_states is 'Which jobs are due, and which are late.';
