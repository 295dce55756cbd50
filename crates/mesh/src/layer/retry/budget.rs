use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::time::Instant;

use crate::model::PromptHead;

/// Bounds what repeated, hedged and resumed prompts may cost together; clones share it.
///
/// It counts tokens, not prompts: a prompt of 32,000 tokens takes out as much as 60 short ones.
/// A prompt pays in a share of its cost, and once more when its answer begins; what was not
/// used is kept up to [`MAX`](Self::MAX) tokens. An extra attempt is allowed while anything is left, and
/// takes out its whole cost, so that one long prompt may be repeated at all; the next ones wait until
/// the debt is paid. A fleet that fails entirely sees 1.1 times the prompts and the reserve.
///
/// One atomic number; a prompt costs two additions.
///
/// # Examples
///
/// ```
/// use maily_mesh::Prompt;
/// use maily_mesh::layer::retry::Budget;
///
/// let budget = Budget::new(10, 1000);
/// let short = Prompt::text("m", "Hi")?;
/// let long = Prompt::text("m", "x".repeat(128_000))?;
///
/// assert!(budget.take(Budget::cost(&short.head)));
/// assert!(budget.take(Budget::cost(&long.head)));
/// // The long one left a debt that 600 short ones pay back.
/// assert!(!budget.take(Budget::cost(&short.head)));
/// # Ok::<(), maily_errors::Error>(())
/// ```
///
/// Source: Finagle's `RetryBudget`, in tokens instead of requests.
#[derive(Clone, Debug)]
pub struct Budget {
    account: Arc<Account>,
}

#[derive(Debug)]
struct Account {
    began: Instant,
    /// Hundredths of a token, so that a percentage is exact.
    balance: AtomicI64,
    /// Until when time has paid in, in milliseconds.
    paid_ms: AtomicU64,
    share_pct: i64,
    reserve: i64,
}

impl Budget {
    /// The most tokens that are kept: some fifty short prompts.
    pub const MAX: u32 = 25_000;

    /// What a call costs beside the tokens of its prompt.
    pub const CALL: u32 = 500;

    /// Creates a budget: the share of the cost that a prompt pays in, in percent, and the tokens that it begins with.
    ///
    /// Time fills up the reserve, with [`CALL`](Self::CALL) tokens in 30 s, so that a quiet client may repeat too.
    #[must_use]
    pub fn new(share_pct: u32, reserve: u32) -> Self {
        let reserve = i64::from(reserve.min(Self::MAX)) * 100;
        Self {
            account: Arc::new(Account {
                began: Instant::now(),
                balance: AtomicI64::new(reserve),
                paid_ms: AtomicU64::new(0),
                share_pct: i64::from(share_pct.min(100)),
                reserve,
            }),
        }
    }

    /// Returns what an attempt at a prompt costs, in tokens.
    #[must_use]
    pub const fn cost(head: &PromptHead) -> u32 {
        head.estimated_tokens.saturating_add(Self::CALL)
    }

    /// Pays in the share of a prompt: once when it is asked, once when its answer begins.
    pub fn pay_in(&self, cost: u32) {
        self.account.add(i64::from(cost) * self.account.share_pct, i64::from(Self::MAX) * 100);
    }

    /// Returns whether an extra attempt is allowed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.account.earn();
        self.account.balance.load(Ordering::Relaxed) > 0
    }

    /// Takes out the cost of an extra attempt; false means that the budget is spent.
    #[must_use]
    pub fn take(&self, cost: u32) -> bool {
        let taken = self.is_open();
        if taken {
            self.charge(cost);
        }
        taken
    }

    /// Takes out the cost of an attempt that was made already, even if it leaves a debt.
    pub fn charge(&self, cost: u32) {
        self.account.balance.fetch_sub(i64::from(cost) * 100, Ordering::Relaxed);
    }

    /// Gives back what an attempt took that was not made after all.
    pub fn give_back(&self, cost: u32) {
        self.account.balance.fetch_add(i64::from(cost) * 100, Ordering::Relaxed);
    }
}

impl Default for Budget {
    /// A tenth, and 4,000 tokens to begin with: eight short prompts.
    fn default() -> Self {
        Self::new(10, 4_000)
    }
}

impl Account {
    fn add(&self, amount: i64, most: i64) {
        // A race may add a little over the most; the next prompt does not.
        let balance = self.balance.load(Ordering::Relaxed);
        let amount = amount.min(most - balance);
        if amount > 0 {
            self.balance.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Lets time pay in. Only extra attempts look at the clock.
    fn earn(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let paid = self.paid_ms.fetch_max(now, Ordering::Relaxed);
        let earned = i64::try_from(now.saturating_sub(paid)).unwrap_or(i64::MAX);
        self.add(earned.saturating_mul(i64::from(Budget::CALL)) / 300, self.reserve);
    }
}
