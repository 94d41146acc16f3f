-- Advisory locks are open to everybody: a function that waits at one, or gives up at one, can be stopped by any session (ADR 0007).
begin;
select plan(1);
select is_empty(
  $$select p.oid::regprocedure::text
    from pg_proc as p
    where p.pronamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace)
      and p.prosrc ~ 'advisory'$$,
  'what functions lock are rows and tables of their own'
);

select * from finish();
rollback;
