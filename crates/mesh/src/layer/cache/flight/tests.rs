//! Nobody waits for ever, whoever is polled, woken or gone, and everybody reads the same.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::body::Body;
use crate::layer::cache::{Cache, CacheLayer, Rules};
use crate::model::{Completion, Prompt};

const CHUNKS: usize = 12;

/// A node that says what it is fed, and counts who polls it at once.
#[derive(Clone, Default)]
struct Node(Arc<Fed>);

#[derive(Default)]
struct Fed {
    state: Mutex<(VecDeque<Bytes>, bool, Option<Waker>)>,
    calls: AtomicUsize,
    dropped: AtomicUsize,
    polled: AtomicBool,
}

impl Node {
    fn feed(&self, chunk: impl Into<Bytes>) {
        let waker = {
            let mut state = self.0.state.lock();
            state.0.push_back(chunk.into());
            state.2.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn end(&self) {
        let waker = {
            let mut state = self.0.state.lock();
            state.1 = true;
            state.2.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn cached(
        &self,
    ) -> Cache<
        impl Service<Prompt, Response = Completion, Error = Error, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
    > {
        self.cached_with(Rules::default())
    }

    fn cached_with(
        &self,
        rules: Rules,
    ) -> Cache<
        impl Service<Prompt, Response = Completion, Error = Error, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
    > {
        let node = self.clone();
        CacheLayer::new(rules).layer(service_fn(move |_: Prompt| {
            node.0.calls.fetch_add(1, Ordering::SeqCst);
            let body = Body::stream(Saying(node.clone()));
            std::future::ready(Ok(Completion::new(true, body)))
        }))
    }
}

struct Saying(Node);

impl Stream for Saying {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let fed = &self.0.0;
        assert!(!fed.polled.swap(true, Ordering::SeqCst), "two readers poll the node at once");
        let mut state = fed.state.lock();
        let item = match (state.0.pop_front(), state.1) {
            (Some(chunk), _) => Poll::Ready(Some(Ok(chunk))),
            (None, true) => Poll::Ready(None),
            (None, false) => {
                state.2 = Some(cx.waker().clone());
                Poll::Pending
            }
        };
        fed.polled.store(false, Ordering::SeqCst);
        item
    }
}

impl Drop for Saying {
    fn drop(&mut self) {
        self.0.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn prompt() -> Prompt {
    let body = r#"{"model":"m","stream":true,"seed":1,"messages":[{"role":"user","content":"Hi"}]}"#;
    Prompt::parse(body).unwrap()
}

/// A task as an executor sees it: it is polled when it was woken, and only then.
struct Task {
    future: Pin<Box<dyn Future<Output = Result<Vec<u8>>> + Send>>,
    flag: Arc<Flag>,
    read: Option<Vec<u8>>,
}

struct Flag(AtomicBool, thread::Thread);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
        self.1.unpark();
    }
}

impl Flag {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true), thread::current()))
    }
}

impl Task {
    fn new(future: impl Future<Output = Result<Vec<u8>>> + Send + 'static) -> Self {
        Self { future: Box::pin(future), flag: Flag::new(), read: None }
    }

    fn is_due(&self) -> bool {
        self.read.is_none() && self.flag.0.load(Ordering::SeqCst)
    }

    fn poll(&mut self) {
        self.flag.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(self.flag.clone());
        if let Poll::Ready(read) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.read = Some(read.unwrap());
        }
    }
}

/// Reads an answer chunk by chunk; now and then it waits for something else, as for a slow client.
async fn read<S>(cache: Cache<S>, mut rng: SmallRng) -> Result<Vec<u8>>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
    S::Future: Send + 'static,
{
    let mut body = cache.oneshot(prompt()).await?.body;
    let mut read = Vec::new();
    while let Some(chunk) = body.next().await {
        read.extend_from_slice(&chunk?);
        if rng.random_ratio(1, 4) {
            pause().await;
        }
    }
    Ok(read)
}

/// Comes back later.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[test]
fn no_order_of_polls_leaves_a_reader_waiting() {
    for seed in 0..2_000 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let node = Node::default();
        let cache = node.cached();
        let mut tasks = vec![Task::new(read(cache.clone(), SmallRng::seed_from_u64(seed)))];
        tasks[0].poll();
        // Its client never reads again, though it is woken; it stays until the end.
        let stuck = rng.random_bool(0.3).then_some(0);
        let mut fed = 0;
        while fed < CHUNKS || rng.random_ratio(3, 4) {
            match rng.random_range(0..10) {
                0 if fed < CHUNKS => {
                    node.feed(vec![b'a' + u8::try_from(fed).unwrap()]);
                    fed += 1;
                }
                1 if tasks.len() < 6 => {
                    // It joins before the node ends.
                    let mut task = Task::new(read(cache.clone(), SmallRng::seed_from_u64(seed)));
                    task.poll();
                    tasks.push(task);
                }
                2 if tasks.len() > 2 => drop(tasks.remove(rng.random_range(1..tasks.len()))),
                _ => {
                    let index = rng.random_range(0..tasks.len());
                    if Some(index) != stuck && tasks[index].is_due() {
                        tasks[index].poll();
                    }
                }
            }
        }
        node.end();

        // Only who is woken is polled from here on.
        while let Some(index) = (0..tasks.len()).find(|index| Some(*index) != stuck && tasks[*index].is_due())
        {
            tasks[index].poll();
        }

        for (index, task) in tasks.iter().enumerate().filter(|(index, _)| Some(*index) != stuck) {
            let read = task.read.as_deref().map(|read| std::str::from_utf8(read).unwrap());
            assert_eq!(read, Some("abcdefghijkl"), "seed {seed}, reader {index} of {}", tasks.len());
        }
        assert_eq!(node.0.calls.load(Ordering::SeqCst), 1, "seed {seed}");
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let flag = Flag::new();
    let waker = Waker::from(flag.clone());
    loop {
        if flag.0.swap(false, Ordering::SeqCst) {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return value;
            }
        } else {
            thread::park();
        }
    }
}

#[test]
fn threads_read_one_stream_to_its_end() {
    for round in 0..100_u8 {
        let node = Node::default();
        let cache = node.cached();
        // Begun before the threads, so that they find it.
        let mut first = block_on(cache.clone().oneshot(prompt())).unwrap().body;
        let all_there = Barrier::new(7);
        let texts: Vec<Vec<u8>> = thread::scope(|scope| {
            let all_there = &all_there;
            let readers: Vec<_> = (0..6_usize)
                .map(|index| {
                    let cache = cache.clone();
                    scope.spawn(move || {
                        let mut body = block_on(cache.oneshot(prompt())).unwrap().body;
                        all_there.wait();
                        let mut read = Vec::new();
                        while let Some(chunk) = block_on(body.next()) {
                            read.extend_from_slice(&chunk.unwrap());
                            // Two of them leave in the middle, perhaps while they drive.
                            if index < 2 && read.len() > 5 {
                                return Vec::new();
                            }
                        }
                        read
                    })
                })
                .collect();
            scope.spawn(|| {
                all_there.wait();
                for chunk in 0..100_u8 {
                    node.feed(vec![chunk ^ round]);
                }
                node.end();
            });
            readers.into_iter().map(|reader| reader.join().unwrap()).collect()
        });
        let expected: Vec<u8> = (0..100).map(|chunk| chunk ^ round).collect();
        assert!(texts[2..].iter().all(|text| *text == expected), "round {round}");
        let mut read = Vec::new();
        while let Some(chunk) = block_on(first.next()) {
            read.extend_from_slice(&chunk.unwrap());
        }
        assert_eq!(read, expected);
    }
}

#[tokio::test]
async fn node_is_left_with_the_last_reader_and_not_before() {
    let node = Node::default();
    let cache = node.cached();
    let first = cache.clone().oneshot(prompt()).await.unwrap();
    let second = cache.clone().oneshot(prompt()).await.unwrap();

    drop(first);
    assert_eq!(node.0.dropped.load(Ordering::SeqCst), 0);
    drop(second);
    assert_eq!(node.0.dropped.load(Ordering::SeqCst), 1);

    // What was left is not joined: the next prompt has a call of its own.
    drop(cache.oneshot(prompt()).await.unwrap());
    assert_eq!(node.0.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn slow_reader_holds_up_nobody_and_no_memory() {
    let node = Node::default();
    let cache = node.cached_with(Rules { max_answer_bytes: 100, ..Rules::default() });
    let mut slow = cache.clone().oneshot(prompt()).await.unwrap().body;
    let mut fast = cache.clone().oneshot(prompt()).await.unwrap().body;

    for _ in 0..10 {
        node.feed(vec![b'x'; 10]);
        fast.next().await.unwrap().unwrap();
    }
    // At the limit the slow one still has everything.
    assert_eq!(slow.next().await.unwrap().unwrap().len(), 10);
    for _ in 0..11 {
        node.feed(vec![b'x'; 10]);
        fast.next().await.unwrap().unwrap();
    }
    let lost = slow.next().await.unwrap().unwrap_err();

    assert_eq!(lost.code(), Code::StreamLagged);
    assert!(slow.next().await.is_none());
    node.end();
    assert!(fast.next().await.is_none());
}
