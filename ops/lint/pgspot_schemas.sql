-- pgspot cannot see into the DO block of 0001.roles-and-schemas.sql that creates these.
create schema capataz;
create schema capataz_ops;
set search_path = pg_catalog, pg_temp;
