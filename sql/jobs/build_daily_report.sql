-- Builds the report of yesterday. Daily at 00:20 (specification 5.2).
select capataz_ops._define_job('build_daily_report', '20 0 * * *', 86400, 'Builds the report of the day that is over.', 300);
