-- Makes robots due again that scans have passed. Every minute.
select capataz_ops._define_job('find_stragglers', '* * * * *', 60, 'Makes robots due again that scans have passed.');
