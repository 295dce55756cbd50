use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use maily_errors::Result;

use crate::account::{Grant, Pot};
use crate::port::Accounts;

/// Accounts whose going and coming back is one line in the log, however many prompts want something of them meanwhile.
pub(super) struct Watched {
    inner: Arc<dyn Accounts>,
    away: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn new(inner: Arc<dyn Accounts>) -> Self {
        Self { inner, away: Arc::default() }
    }

    fn noted<T: 'static>(&self, answer: BoxFuture<'static, Result<T>>) -> BoxFuture<'static, Result<T>> {
        let away = Arc::clone(&self.away);
        answer
            .inspect(move |answer| match answer {
                Ok(_) if away.swap(false, Ordering::Relaxed) => {
                    tracing::info!("the shared limits are reached again");
                }
                Err(err) if !away.swap(true, Ordering::Relaxed) => {
                    let code = err.code().name();
                    tracing::warn!(code, error = ?err, "the shared limits are not reached; keys that need them are refused");
                }
                _ => {}
            })
            .boxed()
    }
}

impl Accounts for Watched {
    fn draw(&self, pot: &Pot, least: u64, most: u64) -> BoxFuture<'static, Result<Grant>> {
        self.noted(self.inner.draw(pot, least, most))
    }

    fn give_back(&self, pot: &Pot, amount: u64) -> BoxFuture<'static, Result<()>> {
        self.noted(self.inner.give_back(pot, amount))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use maily_errors::testing::listen;
    use maily_errors::{Code, Error};
    use parking_lot::Mutex;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::account::{Per, Unit, Window};

    /// Accounts that are away for as long as the flag is up.
    struct Flaky(Arc<AtomicBool>);

    impl Accounts for Flaky {
        fn draw(&self, _: &Pot, _: u64, most: u64) -> BoxFuture<'static, Result<Grant>> {
            let away = self.0.load(Ordering::Relaxed);
            async move {
                if away {
                    Err(Error::from(Code::Unavailable))
                } else {
                    Ok(Grant { amount: most, drawn: most })
                }
            }
            .boxed()
        }

        fn give_back(&self, _: &Pot, _: u64) -> BoxFuture<'static, Result<()>> {
            async { Ok(()) }.boxed()
        }
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn accounts_that_go_and_come_back_are_one_line_each() {
        let (log, away) = (Log::default(), Arc::<AtomicBool>::default());
        let accounts = Watched::new(Arc::new(Flaky(away.clone())));
        let pot = Pot::new("key", Unit::Tokens, Window::at(Per::Total, Duration::ZERO), 100);
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();

        let _heard = listen(subscriber);
        for state in [false, true, false, true] {
            away.store(state, Ordering::Relaxed);
            for _ in 0..3 {
                let _ = accounts.draw(&pot, 1, 1).now_or_never();
            }
        }

        let log = String::from_utf8(log.0.lock().clone()).unwrap();
        assert_eq!(log.matches("WARN").count(), 2, "{log}");
        assert_eq!(log.matches("reached again").count(), 1, "{log}");
    }
}
