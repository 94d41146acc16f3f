-- Removes ended robots of modules with retention_days; does nothing without. Every minute.
select capataz_ops._define_job('purge_history', '* * * * *', 60, 'Removes ended robots of modules with retention_days.', 60);
