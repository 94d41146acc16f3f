-- Checks the tables and derived state against each other. Daily (specification 5.3).
select capataz_ops._define_job('validate_consistency', '32 3 * * *', 86400, 'Checks the tables and derived state against each other.', 300);
