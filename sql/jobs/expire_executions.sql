-- Ends executions past their timeout and those of lost workers. Every minute.
select capataz_ops._define_job('expire_executions', '* * * * *', 60, 'Ends executions past their timeout and those of lost workers.');
