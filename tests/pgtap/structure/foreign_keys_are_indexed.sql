-- Every foreign key has an index that begins with its columns and holds all rows, or a reason here why not.
begin;
select plan(3);

create temporary table excused (name text, reason text) on commit drop;
insert into excused
values
  ('robots_module_name_fkey',
   'modules are not deleted while robots refer to them, nor renamed; waiting robots are found by robots_claim_idx'),
  ('workers_module_name_fkey', 'a handful of rows; alive ones are found by workers_watched_idx');

create temporary view bare as
select c.conname::text as name
from pg_constraint as c
where c.contype = 'f'
  and c.connamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace)
  and not exists (
    select
    from pg_index as i
    where i.indrelid = c.conrelid
      and i.indpred is null
      and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey
  );

select is_empty('select name from bare except select name from excused', 'foreign keys without index have a reason');
select is_empty('select name from excused except select name from bare', 'no reason is out of date');
select cmp_ok(
  (select count(*)::integer from pg_constraint as c
   where c.contype = 'f' and c.connamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace)),
  '>=', 7, 'there are foreign keys to look at'
);

select * from finish();
rollback;
