-- The state machine of robot_execute.execution_state (design 5) by plain SQL: every pair of states, allowed or RB409.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('X') as m \gset
create temporary table allowed (source text, target text) on commit drop;
insert into allowed
select s, t
from (
  values
    ('PENDING', '{RUNNING,FAILED,CANCELLED}'::text[]),
    ('RUNNING', '{PAUSED,RETRYING,COMPLETED,FAILED,CANCELLED}'),
    ('PAUSED', '{RUNNING,COMPLETED,FAILED,CANCELLED}'),
    ('RETRYING', '{RUNNING,COMPLETED,FAILED,CANCELLED}')
) as a (s, targets)
cross join unnest(a.targets) as t;
create temporary table places on commit drop as
select s.state, 'x-' || s.state as robot_id, '00000000-0000-0000-0000-00000000000' || row_number() over () as execute_id
from unnest(enum_range(null::capataz.execution_state_enum)) as s (state);
insert into capataz.robots (robot_id, robot_type, module_name, input_data) select robot_id, 'T', 'X', '{}' from places;
insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state)
select execute_id, robot_id, 'X', state from places;

create temporary view tried as
select p.state::text as source, t.target,
  capataz_test.outcome(
    format('update capataz.robot_execute set execution_state = %L where execute_id = %L', t.target, p.execute_id)
  ) as outcome
from places as p
cross join (select unnest(enum_range(null::capataz.execution_state_enum))::text as target) as t;

select set_eq(
  $$select source, target from tried where outcome = 'ok' and source <> target$$, 'select source, target from allowed',
  'exactly these transitions are allowed'
);
select set_eq(
  $$select distinct outcome from tried where source <> target$$, array['ok', 'RB409'], 'every other one is RB409'
);
select is_empty(
  $$select source, outcome from tried where source = target and outcome <> 'ok'$$, 'writing the same state again is no transition'
);
select is((select count(*)::integer from tried), 49, 'all 49 pairs were tried');
select is(
  capataz_test.error_part(
    $$update capataz.robot_execute set execution_state = 'RUNNING' where robot_id = 'x-FAILED'$$, 'detail'
  ),
  'execution_state is FAILED.', 'DETAIL says the state'
);

select * from finish();
rollback;
