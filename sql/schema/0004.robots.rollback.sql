set local lock_timeout = '10s';

drop sequence if exists capataz.robots_seq;

drop table if exists capataz.robots cascade;
