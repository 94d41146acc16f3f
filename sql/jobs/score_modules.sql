-- Computes performance scores and tiers of modules. Every 15 minutes.
select capataz_ops._define_job('score_modules', '*/15 * * * *', 900, 'Computes performance scores and tiers of modules.');
