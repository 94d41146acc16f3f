-- A producer that was tied reaches nothing under another name, until it is granted anew (ADR 0019).
begin;
select plan(3);
select capataz_test.module('NameA') as a \gset
create role name_test_old in role capataz_producer;
select capataz.grant_module('NameA', 'name_test_old');
alter role name_test_old rename to name_test_new;
set local role name_test_new;
select is(capataz.my_modules(), '{}'::text[], 'a new name reaches nothing');
reset role;
select ok(capataz.grant_module('NameA', 'name_test_new'), 'it is granted anew');
set local role name_test_new;
select is(capataz.my_modules(), '{NameA}'::text[], 'and reaches it');
reset role;

select * from finish();
rollback;
