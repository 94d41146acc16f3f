-- Session settings are hints: whatever a session puts there, its claims find what is due.
begin;
select plan(4);
select capataz.register_module('Hint', '1', array['HINT']) is not null as m \gset
select count(*) as n from capataz.submit_robots(
  (select jsonb_agg(jsonb_build_object('robot_type', 'HINT')) from generate_series(1, 4))
) \gset
create function pg_temp.poison(p_value text) returns text language sql as
  $$select set_config('capataz.scan_' || to_hex(hashtext('Hint')), p_value, false)$$;

select pg_temp.poison('nonsense') as p \gset
select is((select count(*) from capataz.claim_robots('Hint')), 1::bigint, 'nonsense');
select pg_temp.poison('{' || repeat('999999999999999999,-999999999999999999,0,', 3) || '1,1,1}') as p \gset
select is((select count(*) from capataz.claim_robots('Hint')), 1::bigint, 'due times before all time');
select pg_temp.poison('{' || repeat('999999999999999999,999999999999999999,0,', 3) || '1,1,1}') as p \gset
select is((select count(*) from capataz.claim_robots('Hint')), 1::bigint, 'due times after all time');
select pg_temp.poison(
  '{' || repeat(((extract(epoch from clock_timestamp()) * 1000)::bigint + 3600000) || ',1000,0,', 3) || '1,1,1}'
) as p \gset
select is((select count(*) from capataz.claim_robots('Hint')), 1::bigint, 'a next full scan in an hour');
select * from finish();
rollback;
