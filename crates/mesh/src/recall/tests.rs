use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;

use super::random::{Random, beside, vector};
use super::words::{Words, count};
use super::{Memories, MemoriesConfig, WhenFull};
use crate::memory::{HashEmbedder, VolatileArchive};
use crate::model::{Archived, Embedding, Memory, MemoryPage, MemoryQuery, Tenant, Texts};
use crate::port::{Archive, Recall};

fn memories(config: MemoriesConfig) -> Memories<HashEmbedder> {
    Memories::in_process(HashEmbedder, config)
}

async fn texts(memories: &impl Recall, query: MemoryQuery) -> Vec<String> {
    memories.search(query).await.unwrap().into_iter().map(|found| found.text).collect()
}

#[tokio::test]
async fn tenant_has_its_limit_and_one_more_is_refused() {
    let memories = memories(MemoriesConfig::default().with_per_tenant(2));
    for text in ["one", "two"] {
        memories.store(Memory::new(text)).await.unwrap();
    }

    let err = memories.store(Memory::new("three")).await.unwrap_err();

    assert_eq!(err.code(), Code::RecallFull);
    assert_eq!(texts(&memories, MemoryQuery::new("three")).await.len(), 2);
    memories.store(Memory::new("three").with_tenant("other")).await.unwrap();
}

#[tokio::test]
async fn all_tenants_together_have_their_limits() {
    let two = memories(MemoriesConfig::default().with_total(2));
    for tenant in ["a", "b"] {
        two.store(Memory::new("one").with_tenant(tenant)).await.unwrap();
    }
    assert_eq!(two.store(Memory::new("one").with_tenant("c")).await.unwrap_err().code(), Code::RecallFull);

    // Two texts, five bytes for each of 256 values, and the rest: just over half of the bytes.
    let bytes = memories(MemoriesConfig::default().with_max_bytes(1 << 20));
    let most = (1 << 20) / (2 * 60_000 + 5 * 256 + 512);
    for _ in 0..most {
        bytes.store(Memory::new("x".repeat(60_000))).await.unwrap();
    }
    assert_eq!(bytes.store(Memory::new("x".repeat(60_000))).await.unwrap_err().code(), Code::RecallFull);
    assert_eq!(bytes.counts().memories, most);
}

#[tokio::test]
async fn oldest_of_the_same_tenant_makes_room_if_wanted() {
    let config = MemoriesConfig::default().with_per_tenant(2).with_total(3).with_when_full(WhenFull::Oldest);
    let memories = memories(config);
    memories.store(Memory::new("theirs").with_tenant("other")).await.unwrap();
    for text in ["first", "second", "third"] {
        memories.store(Memory::new(text)).await.unwrap();
    }

    assert!(!texts(&memories, MemoryQuery::new("first")).await.contains(&"first".to_owned()));
    assert_eq!(memories.counts().memories, 3);
    // The memories of somebody else are never dropped, so a newcomer is refused.
    let err = memories.store(Memory::new("new").with_tenant("newcomer")).await.unwrap_err();
    assert_eq!(err.code(), Code::RecallFull);
}

#[tokio::test(start_paused = true)]
async fn memory_whose_time_is_over_is_not_found_and_soon_removed() {
    let archive = Arc::new(VolatileArchive::default());
    let config = MemoriesConfig::default().with_total(2);
    let memories = Memories::open(HashEmbedder, archive.clone(), config).await.unwrap();
    let id = memories.store(Memory::new("spring").with_ttl(Duration::from_secs(60))).await.unwrap();
    memories.store(Memory::new("spring stays")).await.unwrap();

    tokio::time::advance(Duration::from_millis(59_990)).await;
    assert_eq!(texts(&memories, MemoryQuery::new("spring")).await.len(), 2);
    tokio::time::advance(Duration::from_millis(20)).await;

    assert_eq!(texts(&memories, MemoryQuery::new("spring")).await, ["spring stays"]);
    assert_eq!(memories.list(MemoryPage::new("default")).await.unwrap().len(), 1);
    assert!(!memories.forget(&Tenant::default(), &id).await.unwrap());
    assert_eq!(archive.load(0, 10).await.unwrap().len(), 2);
    // It makes room.
    memories.store(Memory::new("more")).await.unwrap();
    assert_eq!(archive.load(0, 10).await.unwrap().len(), 2);
    assert_eq!((memories.counts().memories, memories.sweep(10).await.unwrap()), (2, 0));
}

#[tokio::test]
async fn limits_of_a_memory_and_a_query_hold_at_the_edge() {
    let memories = memories(MemoriesConfig::default());
    let longest = "word ".repeat(Texts::MAX_BYTES / 5) + "x";
    assert_eq!(longest.len(), Texts::MAX_BYTES);
    memories.store(Memory::new(&longest)).await.unwrap();
    let code = |result: Result<_>| result.map(drop).unwrap_err().code();

    assert_eq!(code(memories.store(Memory::new(longest.clone() + "x")).await.map(drop)), Code::TooLarge);
    assert_eq!(
        code(memories.search(MemoryQuery::new(longest.clone() + "x")).await.map(drop)),
        Code::TooLarge
    );
    assert_eq!(texts(&memories, MemoryQuery::new(&longest)).await.len(), 1);
    let tenant = |bytes| Memory::new("x").with_tenant("t".repeat(bytes));
    memories.store(tenant(256)).await.unwrap();
    assert_eq!(code(memories.store(tenant(257)).await.map(drop)), Code::Invalid);
    let ttl = |ms| Memory::new("x").with_ttl(Duration::from_millis(ms));
    memories.store(ttl(Memory::MAX_TTL_MS)).await.unwrap();
    for ms in [0, Memory::MAX_TTL_MS + 1] {
        assert_eq!(code(memories.store(ttl(ms)).await.map(drop)), Code::Invalid);
    }
}

/// An embedder of another model: the same size, other values.
fn turned() -> impl crate::port::Embed + Sync {
    tower::ServiceExt::map_response(HashEmbedder, |vectors: Vec<Embedding>| {
        let turn =
            |vector: Embedding| Embedding::normalized(vector.as_slice().iter().rev().copied().collect());
        vectors.into_iter().map(turn).collect()
    })
}

#[tokio::test]
async fn another_embedder_embeds_all_memories_anew() {
    let archive = Arc::new(VolatileArchive::default());
    let before = Memories::open(HashEmbedder, archive.clone(), MemoriesConfig::default()).await.unwrap();
    before.store(Memory::new("the spring sale")).await.unwrap();

    let after = Memories::open(turned(), archive.clone(), MemoriesConfig::default()).await.unwrap();

    let found = after.search(MemoryQuery::new("the spring sale")).await.unwrap();
    assert!(found[0].similarity > 0.99, "{found:?}");
    let kept = archive.load(0, 10).await.unwrap();
    assert_eq!(Some(&kept[0].embedding), found[0].embedding.as_ref());
}

#[tokio::test]
async fn renewal_that_was_cut_off_is_done_again_whichever_embedder_comes_next() {
    for first_again in [false, true] {
        let archive = Arc::new(Faulty::default());
        let config = MemoriesConfig::default();
        let before = Memories::open(HashEmbedder, archive.clone(), config.clone()).await.unwrap();
        for number in 0..600 {
            before.store(Memory::new(format!("note number{number}"))).await.unwrap();
        }
        drop(before);

        // The mark, a page, and no more.
        *archive.appends_left.lock() = Some(2);
        let cut = Memories::open(turned(), archive.clone(), config.clone()).await.map(drop).unwrap_err();
        *archive.appends_left.lock() = None;

        assert_eq!(cut.code(), Code::MemoryStoreFailed);
        let found = if first_again {
            let after = Memories::open(HashEmbedder, archive.clone(), config).await.unwrap();
            [similarity(&after, 0).await, similarity(&after, 100).await, similarity(&after, 599).await]
        } else {
            let after = Memories::open(turned(), archive.clone(), config).await.unwrap();
            [similarity(&after, 0).await, similarity(&after, 100).await, similarity(&after, 599).await]
        };
        assert!(found.iter().all(|similarity| *similarity > 0.99), "{found:?}");
        assert!(archive.load(0, 1).await.unwrap()[0].embedding.as_slice().len() > 1);
    }
}

async fn similarity<E: crate::port::Embed + Sync>(memories: &Memories<E>, number: u32) -> f32 {
    let query = MemoryQuery::new(format!("note number{number}"));
    memories.search(query).await.unwrap()[0].similarity
}

#[tokio::test]
async fn memory_for_which_there_is_no_room_displaces_none() {
    let config =
        MemoriesConfig { when_full: WhenFull::Oldest, max_bytes: 40_000, ..MemoriesConfig::default() };
    let memories = Memories::in_process(HashEmbedder, config);
    let own = |text: String| Memory::new(text).with_tenant("own");
    for number in 0..8 {
        memories.store(Memory::new(format!("of others {number}"))).await.unwrap();
    }
    memories.store(own("stays".into())).await.unwrap();
    let counts = memories.counts();

    let full = memories.store(own("x".repeat(20_000))).await.unwrap_err();

    assert_eq!(full.code(), Code::RecallFull);
    assert_eq!(memories.counts(), counts);
}

/// An archive that fails, or never answers, when it is told to.
#[derive(Default)]
struct Faulty {
    kept: VolatileArchive,
    fault: Mutex<Option<Fault>>,
    /// After how many appends they fail.
    appends_left: Mutex<Option<u32>>,
}

#[derive(Clone, Copy)]
enum Fault {
    Fails,
    Hangs,
}

impl Faulty {
    fn then<'a, T: Send + 'a>(&self, future: BoxFuture<'a, Result<T>>) -> BoxFuture<'a, Result<T>> {
        match *self.fault.lock() {
            None => future,
            Some(Fault::Fails) => Box::pin(async { Err(Error::from(Code::MemoryStoreFailed)) }),
            Some(Fault::Hangs) => Box::pin(std::future::pending()),
        }
    }
}

impl Archive for Faulty {
    fn append(&self, memories: Vec<Arc<Archived>>) -> BoxFuture<'_, Result<()>> {
        if let Some(left) = &mut *self.appends_left.lock() {
            let Some(fewer) = left.checked_sub(1) else {
                return Box::pin(async { Err(Error::from(Code::MemoryStoreFailed)) });
            };
            *left = fewer;
        }
        self.then(self.kept.append(memories))
    }

    fn load(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Archived>>> {
        self.then(self.kept.load(after, limit))
    }

    fn remove(&self, numbers: Vec<u64>) -> BoxFuture<'_, Result<()>> {
        self.then(self.kept.remove(numbers))
    }
}

#[tokio::test]
async fn what_the_archive_refuses_is_not_remembered_and_not_forgotten() {
    let archive = Arc::new(Faulty::default());
    let memories = Memories::open(HashEmbedder, archive.clone(), MemoriesConfig::default()).await.unwrap();
    let id = memories.store(Memory::new("stays")).await.unwrap();
    *archive.fault.lock() = Some(Fault::Fails);

    let refused = memories.store(Memory::new("refused")).await.unwrap_err();
    let kept = memories.forget(&Tenant::default(), &id).await.unwrap_err();

    assert_eq!([refused.code(), kept.code()], [Code::MemoryStoreFailed; 2]);
    assert_eq!(texts(&memories, MemoryQuery::new("stays refused")).await, ["stays"]);
    assert_eq!(memories.counts().memories, 1);
}

#[tokio::test]
async fn call_that_is_dropped_at_the_archive_leaves_what_the_archive_has() {
    let archive = Arc::new(Faulty::default());
    let memories = Memories::open(HashEmbedder, archive.clone(), MemoriesConfig::default()).await.unwrap();
    let id = memories.store(Memory::new("goes")).await.unwrap();
    *archive.fault.lock() = Some(Fault::Hangs);

    assert!(memories.store(Memory::new("comes")).now_or_never().is_none());
    assert!(memories.forget(&Tenant::default(), &id).now_or_never().is_none());

    assert_eq!(texts(&memories, MemoryQuery::new("goes comes")).await, ["comes"]);
    assert_eq!(memories.counts().memories, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_searches_and_forgetting_at_once_leave_what_was_not_forgotten() {
    let memories = Memories::in_process(HashEmbedder, MemoriesConfig::default().with_exact(100));
    let tasks = (0..4).map(|task| {
        let memories = memories.clone();
        tokio::spawn(async move {
            for number in 0..150 {
                let id = memories.store(Memory::new(format!("note{task}x{number}"))).await.unwrap();
                let found = texts(&memories, MemoryQuery::new(format!("note{task}x{number}"))).await;
                assert_eq!(found[0], format!("note{task}x{number}"));
                if number % 3 == 0 {
                    assert!(memories.forget(&Tenant::default(), &id).await.unwrap());
                }
            }
        })
    });
    futures_util::future::try_join_all(tasks).await.unwrap();
    memories.settle();

    assert_eq!((memories.counts().memories, memories.counts().waiting), (400, 0));
    for (number, there) in [(148, true), (147, false)] {
        let found = texts(&memories, MemoryQuery::new(format!("note3x{number}")).with_limit(1)).await;
        assert_eq!(found[0] == format!("note3x{number}"), there);
    }
    assert_eq!(memories.forget_all(&Tenant::default()).await.unwrap(), 400);
    assert_eq!(memories.counts().tenants, 0);
}

#[test]
fn words_are_those_of_unicode_without_case() {
    let counted = count("Straße STRASSE, ΣΊΣΥΦΟΣ σίσυφος — 東京 can't");

    for (word, times) in [("strasse", 2), ("σίσυφοσ", 2), ("東", 1), ("京", 1), ("can't", 1)] {
        assert_eq!(counted.get(word), Some(&times), "{word}: {counted:?}");
    }
}

#[test]
fn text_that_is_the_query_is_before_longer_ones_that_hold_it() {
    let texts = ["order spring", "order spring", "sale spring spring", "order"];
    let mut words = Words::default();
    for (row, text) in (0..).zip(texts) {
        words.add(row, count(text));
    }

    let found = words.search("order", 10, |_| true);

    let found: Vec<_> = found.iter().map(|near| (near.row(), near.score())).collect();
    assert_eq!(found, [(3, 1.0), (0, 1.0), (1, 1.0)]);
}

#[test]
fn words_that_are_left_out_change_no_answer() {
    let mut random = Random::new(11);
    let vocabulary: Vec<String> = (0..400).map(|word| format!("w{word}")).collect();
    // Squared, so that some words are everywhere and most are rare.
    let text = |random: &mut Random, most: usize| {
        let length = random.below(most) + 3;
        let words = (0..length).map(|_| &vocabulary[random.below(20) * random.below(20)]);
        words.cloned().collect::<Vec<_>>().join(" ")
    };
    let texts: Vec<String> = (0..2_000).map(|_| text(&mut random, 30)).collect();
    let mut words = Words::default();
    for (row, text) in (0..).zip(&texts) {
        words.add(row, count(text));
    }
    for _ in 0..50 {
        let query = text(&mut random, 12);

        // With as many answers as rows, nothing can be left out.
        let all = words.search(&query, texts.len(), |_| true);
        let best = words.search(&query, 10, |_| true);

        let scores = |found: &[super::near::Near]| found.iter().map(|near| near.score()).collect::<Vec<_>>();
        for (best, all) in scores(&best).iter().zip(scores(&all)) {
            assert!((best - all).abs() < 1e-4, "{query}: {best} {all}");
        }
        assert_eq!(best.len(), all.len().min(10));
    }
}

#[test]
fn removed_words_leave_nothing_behind() {
    let (mut words, empty) = (Words::default(), Words::default());
    words.add(0, count("a b a"));
    words.add(1, count("b c"));
    words.remove(0, "a b a");
    assert_eq!(words.search("a b", 10, |_| true).iter().map(|near| near.row()).collect::<Vec<_>>(), [1]);
    words.remove(1, "b c");

    assert!(words.search("a b c", 10, |_| true).is_empty());
    assert!(empty.search("a", 10, |_| true).is_empty());
}

#[test]
fn vectors_of_the_tests_are_near_their_center() {
    let mut random = Random::new(9);
    let center = vector(&mut random, 384);
    assert!(beside(&mut random, &center, 0.5).cosine(&center) > 0.8);
}
