-- Makes windows, totals and capacity of modules exact. Every minute.
select capataz_ops._define_job('fold_counters', '* * * * *', 60, 'Makes windows, totals and capacity of modules exact.');
