-- SECURITY DEFINER functions bypass row level security: each that tied roles or keys may execute asks whose call it is
-- (ADR 0019); it holds for tomorrow's function too.
begin;
select plan(4);

select set_eq(
  $$select p.proname::text
    from pg_proc as p
    where p.pronamespace = 'capataz'::regnamespace
      and (
        has_function_privilege('capataz_worker', p.oid, 'execute')
        or has_function_privilege('capataz_producer', p.oid, 'execute')
        or has_function_privilege('capataz_gateway', p.oid, 'execute')
      )
      and p.prosrc !~ 'capataz_ops\._(scope|scope_in|require_fleet|check_key|key_of_caller|record_health_check)\M'
      and p.prosrc !~ 'capataz\.get_robot\('$$,
  array['utc_now', 'deployed_version'],
  'only the clock and the version ask nobody'
);
select is_empty(
  $$select c.relname from pg_class as c
    where c.oid in ('capataz.module_registry'::regclass, 'capataz.robots'::regclass, 'capataz.robot_execute'::regclass)
      and not c.relrowsecurity$$,
  'the three tables have row level security'
);
select is_empty(
  $$select c.oid::regclass::text from pg_class as c
    where c.relnamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace) and c.relkind = 'v'
      and not coalesce('security_invoker=true' = any (c.reloptions), false)$$,
  'every view runs as who reads it'
);
select is_empty(
  $$select p.polname from pg_policy as p
    where p.polrelid in ('capataz.module_registry'::regclass, 'capataz.robots'::regclass, 'capataz.robot_execute'::regclass)
      and (p.polcmd <> 'r' or 0 = any (p.polroles))$$,
  'policies let nobody write, and name their roles'
);

select * from finish();
rollback;
