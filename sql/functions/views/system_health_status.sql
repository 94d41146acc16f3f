-- capataz.system_health_status: view, the rows of capataz.system_health()
--
-- What the cache system_health holds, uncached, for whoever looks for views (specification 4.3, ADR 0018).
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz.system_health_status
  with (security_invoker = true)
as
select h.check_name, h.status, h.detail
from capataz.system_health() as h;

comment on view capataz.system_health_status is 'The system''s own health, one row per check. Live.';
comment on column capataz.system_health_status.check_name is 'Name of the check.';
comment on column capataz.system_health_status.status is 'OK, WARNING or CRITICAL.';
comment on column capataz.system_health_status.detail is 'What was found.';
