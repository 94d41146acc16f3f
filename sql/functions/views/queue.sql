-- capataz.queue: view, one row per module and priority in which robots wait
--
-- The rows of capataz.queue_state(), with the wait of the oldest. For people in psql (docs/psql.md).
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: RB401, RB403.
create or replace view capataz.queue
  with (security_invoker = true)
as
select
  q.module_name,
  q.priority,
  q.waiting,
  q.not_due,
  date_trunc('second', capataz.utc_now() - q.oldest_due_at) as oldest_waits,
  q.oldest_due_at,
  q.is_estimate
from capataz.queue_state() as q;

comment on view capataz.queue is 'What waits now.';
comment on column capataz.queue.module_name is 'Module it waits for.';
comment on column capataz.queue.priority is 'CRITICAL, HIGH, NORMAL or LOW.';
comment on column capataz.queue.waiting is 'PENDING and RETRYING robots.';
comment on column capataz.queue.not_due is 'Of these, robots that are not due yet.';
comment on column capataz.queue.oldest_waits is 'How long the oldest due robot has waited; null = none is due.';
comment on column capataz.queue.oldest_due_at is 'Since when it is due, UTC.';
comment on column capataz.queue.is_estimate is '500 and more: the number is that of the last sample.';
