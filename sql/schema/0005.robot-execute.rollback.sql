set local lock_timeout = '10s';

drop table if exists capataz.robot_execute cascade;
