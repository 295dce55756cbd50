//! The rules of the [`Accounts`] port.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;

use crate::account::{Per, Pot, Unit, Window};
use crate::port::Accounts;

/// A pot of this moment, so that no store takes its window for one that is long over.
fn pot(limit: u64) -> Pot {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Pot::new("team-a", Unit::Tokens, Window::at(Per::Month, now), limit)
}

async fn draw(accounts: &impl Accounts, pot: &Pot, least: u64, most: u64) -> u64 {
    accounts.draw(pot, least, most).await.expect("the accounts can be reached").amount
}

/// However many draw at once, together they get the limit and no more.
pub async fn no_more_is_drawn_than_the_limit(accounts: impl Accounts) {
    let pot = pot(1_000);

    let drawn: Vec<u64> = join_all((0..60_u64).map(|at| draw(&accounts, &pot, 1, at % 40 + 1))).await;
    let rest = draw(&accounts, &pot, 1, 1_000).await;

    assert_eq!(drawn.iter().sum::<u64>() + rest, 1_000);
    assert_eq!(draw(&accounts, &pot, 1, 1).await, 0);
}

/// A grant is what was asked for at most, what is needed at least, or nothing.
pub async fn grant_is_between_the_least_and_the_most_or_nothing(accounts: impl Accounts) {
    let pot = pot(100);

    assert_eq!(draw(&accounts, &pot, 10, 60).await, 60);
    assert_eq!(draw(&accounts, &pot, 41, 60).await, 0, "less than is needed is of no use");
    assert_eq!(draw(&accounts, &pot, 40, 60).await, 40, "what is left");
    assert_eq!(draw(&accounts, &pot, 1, 60).await, 0);
}

/// What is given back can be drawn again, once.
pub async fn given_back_can_be_drawn_again(accounts: impl Accounts) {
    let pot = pot(100);
    assert_eq!(draw(&accounts, &pot, 1, 100).await, 100);

    accounts.give_back(&pot, 30).await.expect("the accounts can be reached");

    assert_eq!(draw(&accounts, &pot, 30, 100).await, 30);
    assert_eq!(draw(&accounts, &pot, 1, 100).await, 0);
}

/// Another key, unit or window is another pot.
pub async fn pots_do_not_see_each_other(accounts: impl Accounts) {
    let first = pot(10);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let next = first.window.ends().expect("a month ends") + Duration::from_secs(1);
    let others = [
        Pot::new("team-b", first.unit, first.window, 10),
        Pot::new("team-a", Unit::Requests, first.window, 10),
        Pot::new("team-a", first.unit, Window::at(Per::Month, next), 10),
        Pot::new("team-a", first.unit, Window::at(Per::Day, now), 10),
        Pot::new("team-a", first.unit, Window::at(Per::Total, now), 10),
    ];
    assert_eq!(draw(&accounts, &first, 1, 10).await, 10);

    for other in &others {
        assert_eq!(draw(&accounts, other, 1, 10).await, 10, "{other}");
    }
}

/// A grant says how much is drawn, so that leases get smaller as less is left.
pub async fn grant_says_what_is_drawn(accounts: impl Accounts) {
    let pot = pot(Pot::MAX_LIMIT);

    let first = accounts.draw(&pot, 1, 7).await.expect("the accounts can be reached");
    let all = accounts.draw(&pot, 1, Pot::MAX_LIMIT).await.expect("the accounts can be reached");
    let none = accounts.draw(&pot, 1, 1).await.expect("the accounts can be reached");

    assert_eq!((first.amount, first.drawn), (7, 7));
    assert_eq!((all.amount, all.drawn), (Pot::MAX_LIMIT - 7, Pot::MAX_LIMIT));
    assert_eq!((none.amount, none.drawn), (0, Pot::MAX_LIMIT));
}

/// A dropped draw never makes more than there is.
pub async fn dropped_draws_make_nothing(accounts: impl Accounts) {
    let pot = pot(100);

    for _ in 0..20 {
        drop(accounts.draw(&pot, 1, 10));
        let _ = tokio::time::timeout(Duration::ZERO, accounts.draw(&pot, 1, 3)).await;
    }
    let rest: u64 = draw(&accounts, &pot, 1, 100).await;

    assert!(rest <= 100);
    assert_eq!(draw(&accounts, &pot, 1, 100).await, 0);
}
