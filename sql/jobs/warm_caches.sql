-- Refreshes the caches before readers have to. Every minute (specification 4.3).
select capataz_ops._define_job('warm_caches', '* * * * *', 60, 'Refreshes the caches before readers have to.');
