-- NOTIFY capataz_work is sent for robots that are due, once per module and 50 ms; seen here by the session setting it keeps.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('U') as m \gset
select set_config('capataz.notified_' || to_hex(hashtext('U')), '', false);
select count(*) from capataz.submit_robot('T', '{}', 'U', p_available_at => '2026-03-10 13:00');
select is(
  nullif(current_setting('capataz.notified_' || to_hex(hashtext('U'))), ''), null, 'a robot that is not due announces nothing'
);
select count(*) from capataz.submit_robot('T', '{}', 'U');
select isnt(
  nullif(current_setting('capataz.notified_' || to_hex(hashtext('U'))), ''), null, 'a robot that is due is announced'
);
select set_config('capataz.notified_' || to_hex(hashtext('U')), '', false);
select execute_id as e from capataz.claim_robots('U') \gset
select is(
  nullif(current_setting('capataz.notified_' || to_hex(hashtext('U'))), ''), null, 'a claim announces nothing'
);
select capataz.release_robots(array[:'e']);
select isnt(
  nullif(current_setting('capataz.notified_' || to_hex(hashtext('U'))), ''), null, 'a robot that is handed back is announced'
);
select set_config('capataz.notified_' || to_hex(hashtext('U')), 'nonsense', false);
select is(
  capataz_test.outcome($$select * from capataz.submit_robot('T', '{}', 'U')$$), 'ok', 'the setting is a hint: nonsense in it harms nothing'
);

select * from finish();
rollback;
