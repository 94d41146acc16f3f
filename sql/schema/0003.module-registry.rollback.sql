set local lock_timeout = '10s';

drop table if exists capataz.module_registry cascade;
