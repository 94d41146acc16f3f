-- Buckets grow by a tenth; a percentile of a merged histogram is within 5 % of the exact one (ADR 0017).
begin;
select plan(8);

select results_eq(
  $$select v, capataz_ops._bucket(v)::integer from unnest(array[-1, 0, 1, 2, 3, 10, 11, 100, 2147483647]) as v$$,
  $$values (-1, 0), (0, 0), (1, 1), (2, 8), (3, 12), (10, 25), (11, 26), (100, 49), (2147483647, 226)$$,
  'bucket n: above 1.1^(n-1) up to 1.1^n; 0 and 1 have buckets of their own'
);
select is_empty(
  $$select v from generate_series(1, 20000) as v
    where not v between power(1.1, capataz_ops._bucket(v) - 1) - 1e-9 and power(1.1, capataz_ops._bucket(v)) + 1e-9$$,
  'so for every number'
);
select is(capataz_ops._percentile('{}', '{}', 0.5), null, 'nothing has no percentile');
select is(capataz_ops._percentile(null, null, 0.5), null, 'nor has null');
select is(capataz_ops._percentile('{0}', '{7}', 0.95), 0::numeric, 'zeros are zero');
select is(capataz_ops._percentile('{0,1}', '{95,5}', 0.95), 0::numeric, 'the share that does not exceed it: 95 of 100');
select is(round(capataz_ops._percentile('{1,0}', '{6,94}', 0.95)), 1::numeric, 'in any order');

select setseed(0.25);
create temporary table samples on commit drop as
select g.name, v.value
from (
  values ('even', 1), ('few', 2), ('long', 3), ('instant', 4)
) as g (name, kind)
cross join lateral (
  select
    case g.kind
      when 1 then i
      when 2 then i % 3
      when 3 then power(10, 9.3 * random())::integer
      else (random() * 3)::integer
    end as value
  from generate_series(1, 1000) as i
) as v;
select is_empty(
  $$select e.*, p.*
    from (
      select s.name, f.fraction, percentile_disc(f.fraction::double precision) within group (order by s.value) as exact
      from samples as s
      cross join unnest(array[0, 0.01, 0.05, 0.5, 0.9, 0.95, 0.99, 1]) as f (fraction)
      group by s.name, f.fraction
    ) as e
    cross join lateral (
      select capataz_ops._percentile(array_agg(b.bucket), array_agg(b.bucket_count), e.fraction) as near
      from (
        -- two halves, merged
        select capataz_ops._bucket(s.value) as bucket, count(*) as bucket_count
        from samples as s
        where s.name = e.name
        group by s.value % 2, capataz_ops._bucket(s.value)
      ) as b
    ) as p
    where abs(p.near - e.exact) > 0.05 * e.exact$$,
  'merged histograms, compared with the exact percentiles'
);

select * from finish();
rollback;
