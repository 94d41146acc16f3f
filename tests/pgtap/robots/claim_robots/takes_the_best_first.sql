-- Order: CRITICAL, HIGH, NORMAL, LOW; then due time; then arrival (design 6).
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select count(*) from capataz.submit_robots('[
  {"robot_type": "T", "robot_id": "low", "priority": "LOW"}, {"robot_type": "T", "robot_id": "n-late", "available_at": "2026-03-10T12:00:02"},
  {"robot_type": "T", "robot_id": "n-1"}, {"robot_type": "T", "robot_id": "n-2"}, {"robot_type": "T", "robot_id": "n-early", "available_at": "2026-03-10T12:00:01"},
  {"robot_type": "T", "robot_id": "high", "priority": "HIGH"}, {"robot_type": "T", "robot_id": "critical", "priority": "CRITICAL"},
  {"robot_type": "T", "robot_id": "critical-tomorrow", "priority": "CRITICAL", "available_at": "2026-03-11"}]');
select capataz_test.advance('5 seconds');
select results_eq(
  $$select robot_id::text from capataz.claim_robots('A', 3)$$, $$values ('critical'), ('high'), ('n-1')$$, 'the first three, in order'
);
select results_eq(
  $$select robot_id::text from capataz.claim_robots('A', 1000)$$, $$values ('n-2'), ('n-early'), ('n-late'), ('low')$$, 'the rest; what is not due stays'
);
select is_empty($$select * from capataz.claim_robots('A', 1000)$$, 'nothing is left');
select count(*) from capataz.submit_robots('[
  {"robot_type": "T", "robot_id": "l", "priority": "LOW"}, {"robot_type": "T", "robot_id": "n"},
  {"robot_type": "T", "robot_id": "h", "priority": "HIGH"}, {"robot_type": "T", "robot_id": "c", "priority": "CRITICAL"}]');
select is((select robot_id::text from capataz.claim_robots('A')), 'c', 'one by one: CRITICAL');
select is((select robot_id::text from capataz.claim_robots('A')), 'h', 'HIGH');
select is((select robot_id::text from capataz.claim_robots('A')), 'n', 'NORMAL');
select is((select robot_id::text from capataz.claim_robots('A')), 'l', 'LOW');
select capataz_test.set_clock('2026-03-11 00:00:00');
select results_eq($$select robot_id::text from capataz.claim_robots('A')$$, $$values ('critical-tomorrow')$$, 'due at its time');

select * from finish();
rollback;
