-- Every public function is called as every role: refused with 42501 where grants say so, and by nothing else but its own
-- RBnnn or class 22 where they do not (design 3). The calls are undone.
begin;
select plan(3);
select capataz_test.module('TryA') as a \gset
select capataz.grant_module('TryA', 'capataz_worker');

create temporary table calls as
select
  p.proname::text as function_name, p.oid,
  format(
    'select * from capataz.%I(%s)', p.proname,
    (
      select string_agg(
        format(
          '%I => %s', a.name,
          case
            when a.name = 'p_module_name' then '''TryA'''
            when a.type = 'text'::regtype then '''T'''
            when a.type = 'text[]'::regtype then 'array[''T'']'
            when a.type = 'jsonb'::regtype then '''{}'''
            when a.type = 'boolean'::regtype then 'true'
            when a.type = 'timestamp'::regtype then '''2026-01-01'''
            else '1'
          end
        ),
        ', ' order by a.place
      )
      from unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) with ordinality as a (name, type, place)
      where a.place <= p.pronargs - p.pronargdefaults
    )
  ) as call
from pg_proc as p
where p.pronamespace = 'capataz'::regnamespace;
create temporary table answers (role_name text, function_name text, is_granted boolean, answer text);
grant select on calls to public;
grant select, insert on answers to public;

create function pg_temp.try_all(p_role_name text)
  returns void
  language plpgsql
as $$
begin
  execute format('set local role %I', p_role_name);
  insert into answers
  select p_role_name, c.function_name, has_function_privilege(p_role_name, c.oid, 'execute'), capataz_test.outcome(c.call)
  from calls as c;
  reset role;
end
$$;

select pg_temp.try_all(r.rolname)
from pg_roles as r
where r.rolname in (
  'capataz_admin', 'capataz_operator', 'capataz_producer', 'capataz_worker', 'capataz_viewer', 'capataz_gateway'
)
order by r.rolname;

select is(
  (select count(*) from answers), 6 * (select count(*) from calls), 'each function was called as each of six roles'
);
select is_empty(
  $$select role_name, function_name, answer from answers where not is_granted and answer <> '42501'$$,
  'what is not granted is refused'
);
select is_empty(
  $$select role_name, function_name, answer from answers
    where is_granted and answer !~ '^(ok|RB[0-9]{3}|22...)$'$$,
  'what is granted is not, and nothing within it is'
);

select * from finish();
rollback;
