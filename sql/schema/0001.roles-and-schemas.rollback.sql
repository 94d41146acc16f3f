-- Roles stay (cluster-wide, maybe used by another database). Schema capataz_ops stays: it holds yoyo's own records.
drop schema if exists capataz cascade;
