-- Kinds are daily, weekly and monthly; a report shows every module, so it is for those who may reach them all.
begin;
select plan(7);
select throws_ok('select capataz.report(null)', 'RB400', 'kind is required', 'no kind');
select throws_ok($$select capataz.report('yearly')$$, 'RB400', 'kind has an unknown value', 'another kind');
select throws_ok($$select capataz.report('daily', 'infinity')$$, 'RB400', 'date is out of range', 'no day');
select throws_ok($$select * from capataz.list_reports('yearly')$$, 'RB400', 'kind has an unknown value', 'a list of another kind');
select throws_ok('select * from capataz.list_reports(null, 0)', 'RB400', 'limit is out of range', 'a list of nothing');
create role capataz_test_tied;
grant capataz_worker to capataz_test_tied;
set local role capataz_test_tied;
select throws_ok($$select capataz.report('daily')$$, 'RB403', null, 'not for those who reach some modules only');
select throws_ok('select * from capataz.list_reports()', 'RB403', null, 'nor is the list');
reset role;
select * from finish();
rollback;
