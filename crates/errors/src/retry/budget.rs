use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// Bounds the repetitions of all requests together; clones share it.
///
/// Each request pays in a part of a repetition, a tenth unless set, and time pays in a few for each second, ten unless
/// set, so that a quiet client may repeat too. What was not used is kept up to [`MAX`](Self::MAX). So a service that
/// fails entirely sees 1.1 times the requests and at most ten more a second.
///
/// One atomic number; a request costs a compare-and-swap.
///
/// # Examples
///
/// ```
/// use maily_errors::retry::Budget;
///
/// let budget = Budget::new(0.5, 0);
/// assert!(!budget.take());
/// budget.pay_in();
/// budget.pay_in();
/// assert!(budget.take());
/// assert!(!budget.take());
/// ```
///
/// Source: Finagle's `RetryBudget`; one account instead of ten windows of time.
#[derive(Clone, Debug)]
pub struct Budget {
    account: Arc<Account>,
}

#[derive(Debug)]
struct Account {
    began: Instant,
    /// Thousandths of a repetition in the upper 24 bits; below them, until when time has paid in, in milliseconds.
    state: AtomicU64,
    /// What a request pays in, in thousandths.
    share: u64,
    /// What a second pays in.
    per_second: u64,
}

impl Budget {
    /// The most repetitions that are kept.
    pub const MAX: u64 = 100;

    /// Creates a budget: the share of the requests that may be repeated, 0 to 1, and repetitions for each second.
    ///
    /// It begins with what one second pays in.
    #[must_use]
    pub fn new(share: f64, per_second: u32) -> Self {
        let share = (share.clamp(0.0, 1.0) * 1000.0).round() as u64;
        let per_second = u64::from(per_second).min(Self::MAX);
        let state = AtomicU64::new(pack(per_second * 1000, 0));
        Self { account: Arc::new(Account { began: Instant::now(), state, share, per_second }) }
    }

    /// Begins with so many repetitions instead, at most [`MAX`](Self::MAX). Clones of before do not see it.
    #[must_use]
    pub fn with_reserve(self, repetitions: u32) -> Self {
        let state = AtomicU64::new(pack(u64::from(repetitions).min(Self::MAX) * 1000, 0));
        let Account { share, per_second, .. } = *self.account;
        Self { account: Arc::new(Account { began: Instant::now(), state, share, per_second }) }
    }

    /// Notes a request. Call it once for each, before the first attempt.
    pub fn pay_in(&self) {
        self.account.change(|balance| Some(balance + self.account.share));
    }

    /// Takes out one repetition; false means that the budget is spent.
    #[must_use]
    pub fn take(&self) -> bool {
        self.account.change(|balance| balance.checked_sub(1000))
    }
}

impl Default for Budget {
    /// A tenth of the requests, and ten a second.
    fn default() -> Self {
        Self::new(0.1, 10)
    }
}

impl Account {
    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX) & TIME;
        let changed = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
            let (balance, paid) = (state >> TIME_BITS, state & TIME);
            // Another thread may have seen a later time already.
            let earned = now.saturating_sub(paid).saturating_mul(self.per_second);
            let balance = change(balance.saturating_add(earned).min(Budget::MAX * 1000))?;
            Some(pack(balance.min(Budget::MAX * 1000), now.max(paid)))
        });
        changed.is_ok()
    }
}

const fn pack(balance: u64, paid: u64) -> u64 {
    balance << TIME_BITS | paid
}

/// Enough for 34 years.
const TIME_BITS: u32 = 40;
const TIME: u64 = (1 << TIME_BITS) - 1;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Budget;

    #[tokio::test(start_paused = true)]
    async fn time_pays_in_a_reserve_up_to_the_most() {
        let budget = Budget::new(0.0, 10);
        let taken = || (0..2 * Budget::MAX).filter(|_| budget.take()).count();

        assert_eq!(taken(), 10);
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(taken(), 15);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(taken(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_pay_in_their_share() {
        let budget = Budget::new(0.1, 0);

        (0..95).for_each(|_| budget.pay_in());

        assert_eq!((0..100).filter(|_| budget.take()).count(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn reserve_is_what_it_begins_with() {
        let budget = Budget::new(0.0, 0).with_reserve(3);

        assert_eq!((0..10).filter(|_| budget.take()).count(), 3);
    }

    #[test]
    fn clones_share_one_account_between_threads() {
        let budget = Budget::new(1.0, 0);
        (0..100).for_each(|_| budget.pay_in());

        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let budget = budget.clone();
                    scope.spawn(move || (0..100).filter(|_| budget.take()).count())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });

        assert_eq!(taken, 100);
    }
}
