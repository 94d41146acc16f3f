-- the yardstick: a minimal skip locked queue on a narrow table
begin;
select array_agg(q.id)::text as ids from (select id from bench.queue where state = 0 order by id limit :size for update skip locked) as q \gset
update bench.queue set state = 1 where id = any (:ids::bigint[]);
commit;
update bench.queue set state = 2 where id = any (:ids::bigint[]);
