-- Builds the report of last week, with its patterns of errors. Mondays at 00:40 (specification 5.2).
select capataz_ops._define_job('build_weekly_report', '40 0 * * 1', 604800, 'Builds the report of the week that is over: patterns of errors.', 600);
