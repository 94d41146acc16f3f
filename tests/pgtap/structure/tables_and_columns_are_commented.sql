-- Every table, column, type and sequence of schema capataz tells what it is, in English (issue: from the dictionary).
begin;
select plan(6);

select is_empty(
  $$select c.oid::regclass::text
    from pg_class as c
    where c.relnamespace = 'capataz'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
      and c.relname !~ '^(_yoyo|yoyo)'
      and not exists (  -- the sequence of an identity column speaks through its column
        select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'i'
      )
      and coalesce(obj_description(c.oid, 'pg_class'), '') = ''$$,
  'every table, view and sequence of capataz has a comment'
);
select is_empty(
  $$select c.oid::regclass::text, a.attname
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'capataz'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
      and coalesce(col_description(c.oid, a.attnum), '') = ''$$,
  'every column of capataz has a comment'
);
select is(
  (select count(*)::integer
   from pg_class as c
   join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where c.oid in ('capataz.module_registry'::regclass, 'capataz.robots'::regclass, 'capataz.robot_execute'::regclass)
     and col_description(c.oid, a.attnum) is not null),
  105,
  'the three tables have 105 columns, all commented'
);
select is_empty(
  $$select t.oid::regtype::text
    from pg_type as t
    where t.typnamespace = 'capataz'::regnamespace and t.typtype in ('e', 'd')
      and coalesce(obj_description(t.oid, 'pg_type'), '') = ''$$,
  'every type of capataz has a comment'
);
select is_empty(
  $$select c.oid::regclass::text
    from pg_class as c
    where c.relnamespace = 'capataz_ops'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
      and c.relname !~ '^(_yoyo|yoyo)'
      and coalesce(obj_description(c.oid, 'pg_class'), '') = ''$$,
  'every table of capataz_ops has a comment'
);
select is_empty(
  $$select n.nspname from pg_namespace as n
    where n.nspname in ('capataz', 'capataz_ops') and coalesce(obj_description(n.oid, 'pg_namespace'), '') = ''$$,
  'both schemas have a comment'
);

select * from finish();
rollback;
