//! What an instance draws from a shared account.

use super::*;

/// Accounts that answer when they are told to, or not at all.
#[derive(Clone, Default)]
struct Slow {
    draws: Arc<AtomicUsize>,
    inner: LocalAccounts,
    fails: Arc<Mutex<Option<Code>>>,
    delay: Duration,
}

impl Accounts for Slow {
    fn draw(&self, pot: &Pot, least: u64, most: u64) -> BoxFuture<'static, Result<Grant>> {
        self.draws.fetch_add(1, Relaxed);
        let (fails, delay) = (*self.fails.lock(), self.delay);
        let grant = self.inner.draw(pot, least, most);
        async move {
            tokio::time::sleep(delay).await;
            match fails {
                Some(code) => Err(Error::from(code)),
                None => grant.await,
            }
        }
        .boxed()
    }

    fn give_back(&self, pot: &Pot, amount: u64) -> BoxFuture<'static, Result<()>> {
        self.inner.give_back(pot, amount)
    }
}

fn shared(accounts: &Slow, config: KeyConfig) -> Keys {
    let keys = Keys::new(Clock::starting_at(START));
    keys.share(Arc::new(accounts.clone()));
    keys.insert(config).unwrap();
    keys
}

#[tokio::test(start_paused = true)]
async fn lease_is_drawn_once_and_spent_without_asking() {
    let accounts = Slow { delay: Duration::from_millis(5), ..Slow::default() };
    let keys = shared(&accounts, KeyConfig::new("a").with_requests_per_minute(1_600));
    let (node, _) = node(&keys, Step::Answer("Hi".into()));

    // A hundred is a sixteenth; those that come at once wait for one draw.
    let all = futures_util::future::join_all((0..100).map(|_| ask(&node))).await;

    assert!(all.iter().all(Result::is_ok));
    assert_eq!(accounts.draws.load(Relaxed), 1);
    ask(&node).await.unwrap();
    assert_eq!(accounts.draws.load(Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn lease_is_not_lost_with_the_one_who_waited_for_it() {
    let accounts = Slow { delay: Duration::from_millis(5), ..Slow::default() };
    let keys = shared(&accounts, KeyConfig::new("a").with_requests_per_minute(5));
    let (node, _) = node(&keys, Step::Answer("Hi".into()));
    for _ in 0..20 {
        assert!(ask(&node).now_or_never().is_none());
    }

    for _ in 0..5 {
        ask(&node).await.unwrap();
    }

    assert_eq!(ask(&node).await.unwrap_err().code(), Code::KeyLimit);
}

#[tokio::test(start_paused = true)]
async fn lease_goes_on_while_the_account_cannot_be_reached() {
    let accounts = Slow::default();
    let keys = shared(&accounts, KeyConfig::new("a").with_requests_per_minute(32));
    let (node, _) = node(&keys, Step::Answer("Hi".into()));
    ask(&node).await.unwrap();
    *accounts.fails.lock() = Some(Code::Timeout);

    assert!(ask(&node).await.is_ok(), "a lease of two");
    let err = ask(&node).await.unwrap_err();

    assert_eq!(err.code(), Code::AccountUnreachable);
    assert!(err.is_temporary());
    *accounts.fails.lock() = None;
    assert!(ask(&node).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn empty_account_is_asked_once_a_second() {
    let accounts = Slow::default();
    let keys = shared(&accounts, KeyConfig::new("a").with_requests_per_minute(1));
    let (node, _) = node(&keys, Step::Answer("Hi".into()));
    ask(&node).await.unwrap();

    for _ in 0..100 {
        assert_eq!(ask(&node).await.unwrap_err().code(), Code::KeyLimit);
    }

    assert_eq!(accounts.draws.load(Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_others_can_have() {
    let accounts = Slow::default();
    let config = KeyConfig::new("a").with_requests_per_minute(160);
    let [east, west] = [(); 2].map(|()| shared(&accounts, config.clone()));
    let [(east_node, _), (west_node, _)] = [&east, &west].map(|keys| node(keys, Step::Answer("Hi".into())));
    ask(&east_node).await.unwrap();

    east.give_back().await.unwrap();
    for _ in 0..159 {
        ask(&west_node).await.unwrap();
    }

    assert_eq!(ask(&west_node).await.unwrap_err().code(), Code::KeyLimit);
    assert_eq!(ask(&east_node).await.unwrap_err().code(), Code::KeyLimit);
}
