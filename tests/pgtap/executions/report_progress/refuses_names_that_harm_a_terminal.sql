-- Names may not carry what _clean_text takes out of free text: control characters, separators of lines and paragraphs, marks
-- that turn the direction of writing (specification 5.1).
begin;
select plan(16);
select capataz_test.module('N') as m \gset
select capataz_test.running('N') as e \gset
select throws_ok(
  format('select capataz.report_progress(%L, 10, %L)', :'e', 'a' || chr(n) || 'b'), 'RB400', 'current_step has control characters',
  'a step named with U+' || to_hex(n)
)
from unnest(array[1, 9, 10, 27, 127, 133, 8232, 8233, 8234, 8238, 8294, 8297]) as n;
select lives_ok(
  format('select capataz.report_progress(%L, 10, %L)', :'e', 'señal ' || chr(8231) || chr(8239) || chr(128512)), 'other characters are fine'
);
select throws_ok(
  format('select * from capataz.claim_robots(''N'', 1, %L)', 'w' || chr(8238)), 'RB400', 'worker_id has control characters', 'a worker'
);
select throws_ok(
  format('select capataz.issue_api_key(''N'', %L, array[''read''])', 'k' || chr(8232)), 'RB400', 'label has control characters', 'a key'
);
select is(
  (select count(*)::integer from capataz.robot_execute as e where e.current_step ~ e'[\\u202A-\\u202E\\n]'), 0, 'none is stored'
);

select * from finish();
rollback;
