-- Of every ten robots a session is given, one goes to the longest-waiting aged robot of any priority: LOW never starves.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('F', '{"priority_aging_seconds": 600}') as m \gset
select capataz_test.robot('F', 'LOW', 'old-1') as r \gset
select capataz_test.robot('F', 'LOW', 'old-2') as r \gset
select capataz_test.advance('601 seconds');
select capataz_test.robots('F', 100, '{"priority": "HIGH"}');
select is(
  (select count(*)::integer from capataz.claim_robots('F', 10) where priority = 'LOW'), 1, 'of ten in one batch one is aged'
);
create temporary table one_by_one (priority text) on commit drop;
do $$
begin
  for i in 1..10 loop
    insert into one_by_one select c.priority from capataz.claim_robots('F') as c;
  end loop;
end
$$;
select is((select count(*)::integer from one_by_one where priority = 'LOW'), 1, 'of ten one by one too');
select is(
  (select count(*)::integer from capataz.claim_robots('F', 80) where priority = 'HIGH'), 80,
  'without aged robots the batch is filled with others'
);
select capataz_test.robot('F', 'LOW', 'young') as r \gset
select is(
  (select count(*)::integer from capataz.claim_robots('F', 10) where priority = 'LOW'), 1,
  'young LOW robots wait until the others are given'
);
select is((capataz.get_robot('young')).status::text, 'PROCESSING', 'as here');
select is(
  (select count(*)::integer from capataz.robots where module_name = 'F' and status = 'PENDING'), 0, 'all were given once'
);

select * from finish();
rollback;
