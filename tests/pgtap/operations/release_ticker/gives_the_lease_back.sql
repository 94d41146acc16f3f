-- Only its holder gives the lease back; then any ticker may take it, at once.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

delete from capataz_ops.tickers;
select ok(not capataz.release_ticker('a'), 'there is none');
select ok(capataz.hold_ticker('a'), 'a has it');
select ok(not capataz.release_ticker('b'), 'b does not');
select ok(capataz.release_ticker('a') and capataz.hold_ticker('b'), 'a gives it back and b has it');
select throws_ok('select capataz.release_ticker(null)', 'RB400', 'ticker_id is required', 'no name');

select * from finish();
rollback;
