-- module_registry: makes caches stale in the transaction that changes what they show (specification 4.3, ADR 0018).
-- Module health changes -> routing_table:              health_status.
-- Performance score updates -> performance_scoreboard: performance_score, performance_tier.
-- System capacity changes -> routing_table:            max_concurrency, is_active, capacity_utilization; what a module can
--                                                      take: supported_robot_types, a module added, renamed or deleted.
-- Nothing else, and never a claim or an end of work: those do not write these columns.
-- Locks: none. Writes: cache_invalidations; NOTIFY capataz_cache. Raises: nothing.
create or replace function capataz_ops.tg_module_registry__caches_insert()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from new_rows as n where n.is_active) then
    perform capataz_ops._invalidate_caches(array['routing_table']);
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_module_registry__caches_insert() is
  'Makes the routing table stale where modules are added.';

create or replace function capataz_ops.tg_module_registry__caches_update()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_changed text[];
begin
  select array_remove(
    array[
      case
        when bool_or(
          o.module_name is null
          or (n.health_status, n.is_active, n.capacity_utilization, n.supported_robot_types)
            is distinct from (o.health_status, o.is_active, o.capacity_utilization, o.supported_robot_types)
          or n.registration_data ->> 'max_concurrency' is distinct from o.registration_data ->> 'max_concurrency'
        ) then 'routing_table'
      end,
      case
        when bool_or(
          o.module_name is not null
          and (n.performance_score, n.performance_tier) is distinct from (o.performance_score, o.performance_tier)
        ) then 'performance_scoreboard'
      end
    ],
    null
  )
  into v_changed
  from new_rows as n
  left join old_rows as o on o.module_name = n.module_name;

  if v_changed <> '{}' then
    perform capataz_ops._invalidate_caches(v_changed);
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_module_registry__caches_update() is
  'Makes the routing table and the scoreboard stale where what they show changes.';

create or replace function capataz_ops.tg_module_registry__caches_delete()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from old_rows as o where o.is_active) then
    perform capataz_ops._invalidate_caches(array['routing_table']);
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_module_registry__caches_delete() is
  'Makes the routing table stale where modules are deleted.';

create or replace function capataz_ops.tg_module_registry__caches_truncate()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz_ops._invalidate_caches(array['routing_table']);
  return null;
end
$$;

comment on function capataz_ops.tg_module_registry__caches_truncate() is
  'Makes the routing table stale where all modules are gone.';

create or replace trigger _700_caches_insert
  after insert on capataz.module_registry
  referencing new table as new_rows
  for each statement
  execute function capataz_ops.tg_module_registry__caches_insert();

create or replace trigger _700_caches_update
  after update on capataz.module_registry
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function capataz_ops.tg_module_registry__caches_update();

create or replace trigger _700_caches_delete
  after delete on capataz.module_registry
  referencing old table as old_rows
  for each statement
  execute function capataz_ops.tg_module_registry__caches_delete();

create or replace trigger _700_caches_truncate
  after truncate on capataz.module_registry
  for each statement
  execute function capataz_ops.tg_module_registry__caches_truncate();
