-- Names of constraints, triggers and their functions are read in errors and plans (style 2.9, 2.10).
begin;
select plan(4);

select is_empty(
  $$select c.conname::text
    from pg_constraint as c
    join pg_class as r on r.oid = c.conrelid
    where c.connamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace)
      and c.contype in ('c', 'p', 'u', 'f', 'x')
      and r.relname !~ '^(_yoyo|yoyo)'
      and c.conname !~ ('^' || r.relname || '_(.+_)?'
        || case c.contype when 'c' then 'check' when 'p' then 'pkey' when 'u' then 'key' when 'f' then 'fkey' else 'excl' end
        || '$')$$,
  'constraints are named table, columns or rule, kind'
);
select is_empty(
  $$select t.tgname::text
    from pg_trigger as t
    join pg_class as r on r.oid = t.tgrelid
    join pg_proc as p on p.oid = t.tgfoid
    where r.relnamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace)
      and not t.tgisinternal
      and (
        t.tgname !~ '^_[0-9]{3}_[a-z_]+$'
        or p.proname !~ ('^tg_' || r.relname || '__[a-z_]+$')
        or p.pronamespace <> 'capataz_ops'::regnamespace
        or t.tgenabled <> 'O'
      )$$,
  'triggers are named _NNN_task, their functions tg_table__task, and all are enabled'
);
select is_empty(
  $$select c.oid::regclass::text
    from pg_class as c
    join pg_index as i on i.indexrelid = c.oid
    where c.relnamespace = 'capataz'::regnamespace
      and c.relname !~ '^(_yoyo|yoyo)'
      and c.relname !~ '^idx_(module|robots|execute)_'
      and c.relname !~ '_(pkey|key|idx)$'$$,
  'indexes beside the specified ones end in _idx or _key'
);
select is_empty(
  $$select c.oid::regclass::text
    from pg_class as c
    where c.relnamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace) and c.relowner <> 'capataz_owner'::regrole
      and c.relname !~ 'yoyo'$$,
  'tables, indexes and sequences belong to capataz_owner'
);

select * from finish();
rollback;
