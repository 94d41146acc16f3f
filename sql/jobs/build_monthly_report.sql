-- Builds the report of last month, with its plan of capacity. On the 1st at 01:00 (specification 5.2).
select capataz_ops._define_job('build_monthly_report', '0 1 1 * *', 2678400, 'Builds the report of the month that is over: plan of capacity.', 600);
