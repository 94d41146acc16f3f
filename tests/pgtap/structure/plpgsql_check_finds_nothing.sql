-- plpgsql_check over every PL/pgSQL routine, trigger functions with their relation and transition tables (style 4.4).
begin;
select plan(3);

create temporary table checked on commit drop as
select p.oid::regprocedure::text as signature, c.lineno, c.level, c.message, c.detail
from pg_proc as p
left join pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal
left join lateral plpgsql_check_function_tb(
  p.oid, coalesce(t.tgrelid, 0), fatal_errors => false, security_warnings => true, performance_warnings => true,
  oldtable => t.tgoldtable, newtable => t.tgnewtable
) as c on true
where p.pronamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace)
  and p.prolang = (select l.oid from pg_language as l where l.lanname = 'plpgsql')
  and (p.prorettype <> 'trigger'::regtype or t.oid is not null);

select cmp_ok(
  (select count(distinct c.signature)::integer from checked as c), '>', 50, 'it looked at the PL/pgSQL routines'
);
select is_empty(
  $$select signature, lineno, level, message, detail from checked where message is not null$$,
  'it has no error and no warning'
);
select is_empty(
  $$select p.oid::regprocedure::text
    from pg_proc as p
    where p.pronamespace = 'capataz_ops'::regnamespace and p.prorettype = 'trigger'::regtype
      and not exists (select from pg_trigger as t where t.tgfoid = p.oid)$$,
  'no trigger function is without a trigger, and so unchecked'
);

select * from finish();
rollback;
