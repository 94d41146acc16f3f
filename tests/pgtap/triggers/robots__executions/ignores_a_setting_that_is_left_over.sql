-- The setting by which internal functions say "paired" counts for their own statement only: whatever a session sets, plain
-- SQL on one table still moves the other.
begin;
select plan(5);
select capataz.register_module('Pair', '1', array['PAIR']) is not null as m \gset
select s.robot_id as r from capataz.submit_robot('PAIR') as s \gset
create function pg_temp.active() returns bigint language sql as
  $$select count(*) from capataz.robot_execute as e where e.module_name = 'Pair' and e.completed_at is null$$;

set capataz.paired = 'on';
update capataz.robots set status = 'PROCESSING' where robot_id = :'r';
select is(pg_temp.active(), 1::bigint, 'an execution was opened');
update capataz.robot_execute set execution_state = 'FAILED' where module_name = 'Pair';
select is((capataz.get_robot(:'r')).status, 'RETRYING', 'the robot followed');

-- a claim leaves nothing behind in its own transaction
update capataz.robots set available_at = capataz.utc_now() where robot_id = :'r';
select c.execute_id as e from capataz.claim_robots('Pair') as c \gset
update capataz.robots set status = 'COMPLETED' where robot_id = :'r';
select is(pg_temp.active(), 0::bigint, 'after a claim the execution ended with its robot');
select is(
  (select e.execution_state from capataz.robot_execute as e where e.execute_id = :'e'), 'COMPLETED', 'as the robot did'
);
select is(current_setting('capataz.paired'), '', 'the setting is empty again');
select * from finish();
rollback;
