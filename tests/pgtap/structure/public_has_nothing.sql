-- PUBLIC may use, read and execute nothing (style 2.5); PUBLIC is grantee 0.
begin;
select plan(5);

select is_empty(
  $$select p.oid::regprocedure::text
    from pg_proc as p
    cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where p.pronamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace) and a.grantee = 0$$,
  'PUBLIC executes no routine'
);
select is_empty(
  $$select c.oid::regclass::text
    from pg_class as c
    cross join lateral aclexplode(
      coalesce(c.relacl, acldefault(case c.relkind when 'S' then 'S' else 'r' end::"char", c.relowner))
    ) as a
    where c.relnamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace)
      and c.relkind in ('r', 'v', 'm', 'p', 'S') and a.grantee = 0$$,
  'PUBLIC reads and writes no table, view or sequence'
);
select is_empty(
  $$select a.attrelid::regclass::text, a.attname
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid
    cross join lateral aclexplode(a.attacl) as g
    where c.relnamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace) and g.grantee = 0$$,
  'PUBLIC reads and writes no single column'
);
select is_empty(
  $$select n.nspname
    from pg_namespace as n
    cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as a
    where n.nspname in ('capataz', 'capataz_ops') and a.grantee = 0$$,
  'PUBLIC uses no schema'
);
set local role capataz_owner;
create function capataz.made_tomorrow() returns void language sql set search_path = pg_catalog, pg_temp as '';
reset role;
select ok(
  not exists (
    select
    from pg_proc as p
    cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where p.oid = 'capataz.made_tomorrow()'::regprocedure and a.grantee = 0
  ),
  'a function that capataz_owner makes tomorrow is not executable by PUBLIC either'
);

select * from finish();
rollback;
