-- capataz_ops._percentile(p_buckets, p_counts, p_fraction) -> numeric
--
-- The value that a share p_fraction (0 to 1) of what is in a histogram does not exceed, within 5 % (ADR 0017): p_counts[i]
-- values are in bucket p_buckets[i]. Histograms are merged by adding up or by concatenation. Null where nothing is in it.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._percentile(p_buckets smallint[], p_counts bigint[], p_fraction numeric)
  returns numeric
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case min(a.bucket) when 0 then 0 else power(1.1::double precision, min(a.bucket) - 0.5) end::numeric
    from (
      select b.bucket, sum(b.bucket_count) over (order by b.bucket) as up_to, sum(b.bucket_count) over () as total
      from unnest(p_buckets, p_counts) as b (bucket, bucket_count)
      where b.bucket_count <> 0
    ) as a
    where a.up_to >= p_fraction * a.total
      and a.total > 0
  );
end
$$;

comment on function capataz_ops._percentile(smallint[], bigint[], numeric) is
  'A percentile of a histogram, within 5 %.';
