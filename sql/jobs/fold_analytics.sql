-- Brings steps and errors up to date for analytics. Every minute.
select capataz_ops._define_job('fold_analytics', '* * * * *', 60, 'Brings steps and errors up to date for analytics.');
