-- The lease of the active ticker: taken where it is free, kept by its holder, taken over from one that is silent.
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');

delete from capataz_ops.tickers;
select ok(capataz.hold_ticker('a'), 'the first one is active');
select ok(not capataz.hold_ticker('b'), 'the second one stands by');
select capataz_test.advance('20 seconds');
select ok(capataz.hold_ticker('a'), 'a heartbeat');
select capataz_test.advance('20 seconds');
select ok(not capataz.hold_ticker('b'), 'the second one still stands by');
select capataz_test.advance('11 seconds');
select ok(capataz.hold_ticker('b'), 'silent for 31 seconds: it takes over');
select ok(not capataz.hold_ticker('a'), 'the first one comes back, and stands by');
select is((select acquired_at from capataz_ops.tickers), '2026-03-10 12:00:51', 'since when it is active');
select ok(not capataz.release_ticker('a'), 'nobody gives back what is another''s');
select ok(capataz.release_ticker('b'), 'who ends in order gives it back');
select ok(capataz.hold_ticker('a'), 'and the next one need not wait');
select capataz_test.advance('-2 hours');
select ok(capataz.hold_ticker('b'), 'a heartbeat ahead of the clock counts as silence');
select throws_ok('select capataz.hold_ticker(null)', 'RB400', 'ticker_id is required', 'no name');
select throws_ok($$select capataz.hold_ticker('a', 0)$$, 'RB400', 'patience_seconds is out of range', 'no patience');

select * from finish();
rollback;
