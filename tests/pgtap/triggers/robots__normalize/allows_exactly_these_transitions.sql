-- The state machine of robots.status (design 5) by plain SQL: every pair of states, allowed or RB409.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('S') as m \gset
create temporary table allowed (source text, target text) on commit drop;
insert into allowed
values
  ('PENDING', 'PROCESSING'), ('PENDING', 'FAILED'),
  ('PROCESSING', 'COMPLETED'), ('PROCESSING', 'FAILED'), ('PROCESSING', 'RETRYING'), ('PROCESSING', 'PENDING'),
  ('RETRYING', 'PROCESSING'), ('RETRYING', 'FAILED'),
  ('FAILED', 'PENDING');
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status)
values
  ('s-PENDING', 'T', 'S', '{}', 'PENDING'), ('s-PROCESSING', 'T', 'S', '{}', 'PROCESSING'),
  ('s-RETRYING', 'T', 'S', '{}', 'PROCESSING'), ('s-COMPLETED', 'T', 'S', '{}', 'COMPLETED'),
  ('s-FAILED', 'T', 'S', '{}', 'FAILED');
update capataz.robots set status = 'RETRYING' where robot_id = 's-RETRYING';

create temporary view tried as
select s.source, t.target,
  capataz_test.outcome(format('update capataz.robots set status = %L where robot_id = %L', t.target, 's-' || s.source)) as outcome
from (select unnest(enum_range(null::capataz.robot_status_enum))::text as source) as s
cross join (select unnest(enum_range(null::capataz.robot_status_enum))::text as target) as t;

select set_eq(
  $$select source, target from tried where outcome = 'ok' and source <> target$$, 'select source, target from allowed',
  'exactly these transitions are allowed'
);
select set_eq(
  $$select distinct outcome from tried where source <> target$$, array['ok', 'RB409'], 'every other one is RB409'
);
select is_empty(
  $$select source, outcome from tried where source = target and outcome <> 'ok'$$, 'writing the same status again is no transition'
);
select is((select count(*)::integer from tried), 25, 'all 25 pairs were tried');
select is(
  capataz_test.error_part($$update capataz.robots set status = 'PENDING' where robot_id = 's-COMPLETED'$$, 'detail'),
  'status is COMPLETED.', 'DETAIL says the state'
);
select matches(
  capataz_test.error_part($$update capataz.robots set status = 'PENDING' where robot_id = 's-COMPLETED'$$, 'hint'),
  'submit a new robot', 'HINT says what to do'
);

select * from finish();
rollback;
