//! The rules of the [`Recall`] port.

use std::time::{Duration, Instant};

use maily_errors::Code;

use crate::model::{Memory, MemoryId, MemoryPage, MemoryQuery, Tenant};
use crate::port::Recall;

const SALE: &str = "The spring sale begins on Monday";
const KETTLE: &str = "A kettle boils water";

async fn store(recall: &impl Recall, text: &str) -> MemoryId {
    recall.store(Memory::new(text)).await.expect("the memory is stored")
}

async fn search(recall: &impl Recall, query: MemoryQuery) -> Vec<String> {
    let found = recall.search(query).await.expect("the search is answered");
    assert!(found.is_sorted_by(|left, right| left.score >= right.score), "the best does not come first");
    found.into_iter().map(|memory| memory.text).collect()
}

/// What was stored is found by the next search.
pub async fn stored_memory_is_found_at_once(recall: impl Recall) {
    assert!(search(&recall, MemoryQuery::new(SALE)).await.is_empty());
    store(&recall, SALE).await;
    assert_eq!(search(&recall, MemoryQuery::new("when is the spring sale")).await, [SALE]);
}

/// The memory that fits best comes first; no more come than were asked for.
pub async fn best_comes_first_and_the_limit_holds(recall: impl Recall) {
    for text in [KETTLE, SALE, "Nobody wrote poems"] {
        store(&recall, text).await;
    }
    assert_eq!(search(&recall, MemoryQuery::new("the spring sale").with_limit(1)).await, [SALE]);
    assert_eq!(search(&recall, MemoryQuery::new("the spring sale").with_limit(100)).await.len(), 3);
}

/// A tenant finds and forgets only its own memories.
pub async fn tenants_do_not_see_each_other(recall: impl Recall) {
    let id = store(&recall, SALE).await;
    let other = Tenant::new("other");
    assert!(search(&recall, MemoryQuery::new(SALE).with_tenant("other")).await.is_empty());
    assert!(!recall.forget(&other, &id).await.expect("forgetting is answered"));
    assert_eq!(search(&recall, MemoryQuery::new(SALE)).await, [SALE]);
}

/// A memory is forgotten once; then it is not found.
pub async fn forgotten_memory_is_not_found(recall: impl Recall) {
    let (sale, _) = (store(&recall, SALE).await, store(&recall, KETTLE).await);
    let tenant = Tenant::default();
    assert!(recall.forget(&tenant, &sale).await.expect("forgetting is answered"));
    assert!(!recall.forget(&tenant, &sale).await.expect("forgetting is answered"));
    assert_eq!(search(&recall, MemoryQuery::new(SALE)).await, [KETTLE]);
}

/// An empty text and a limit outside 1 to 100 are invalid, and change nothing.
pub async fn empty_text_and_wrong_limits_are_refused(recall: impl Recall) {
    let stored = recall.store(Memory::new(" ")).await;
    assert_eq!(stored.expect_err("nothing to remember").code(), Code::Invalid);
    for query in
        [MemoryQuery::new(""), MemoryQuery::new("x").with_limit(0), MemoryQuery::new("x").with_limit(101)]
    {
        assert_eq!(recall.search(query).await.expect_err("nothing to search").code(), Code::Invalid);
    }
    assert!(search(&recall, MemoryQuery::new(SALE)).await.is_empty());
}

/// A word that only one memory holds finds it, however near the others are in meaning.
pub async fn rare_word_is_found_whatever_the_meaning(recall: impl Recall) {
    for number in 0..30 {
        store(&recall, &format!("The order with the name KX-{number}7 was sent on Monday")).await;
    }
    let found = search(&recall, MemoryQuery::new("where is order kx-137").with_limit(1)).await;
    assert_eq!(found, ["The order with the name KX-137 was sent on Monday"]);
}

/// The same question has the same answer, in the same order.
pub async fn same_question_has_the_same_answer(recall: impl Recall) {
    for _ in 0..10 {
        store(&recall, SALE).await;
        store(&recall, KETTLE).await;
    }
    let ask =
        || async { recall.search(MemoryQuery::new("spring water").with_limit(15)).await.expect("answers") };
    let first = ask().await;
    assert_eq!(first.len(), 15);
    for _ in 0..5 {
        assert_eq!(ask().await, first);
    }
}

/// A memory with a time to live is there at first, and later never again.
pub async fn memory_whose_time_is_over_is_not_found(recall: impl Recall) {
    store(&recall, KETTLE).await;
    recall.store(Memory::new(SALE).with_ttl(Duration::from_millis(300))).await.expect("the memory is stored");
    let patience = Instant::now() + Duration::from_secs(10);
    while search(&recall, MemoryQuery::new(SALE)).await.len() == 2 {
        assert!(Instant::now() < patience, "the memory does not end");
        tokio::task::yield_now().await;
    }
    assert_eq!(search(&recall, MemoryQuery::new(SALE)).await, [KETTLE]);
    let listed = recall.list(MemoryPage::new(Tenant::default())).await.expect("listing is answered");
    assert_eq!(listed.len(), 1);
    for ttl in [Duration::ZERO, Duration::MAX] {
        let refused = recall.store(Memory::new(SALE).with_ttl(ttl)).await;
        assert_eq!(refused.expect_err("out of range").code(), Code::Invalid);
    }
}

/// The pages of a tenant hold each of its memories once, the oldest first.
pub async fn memories_are_listed_page_by_page(recall: impl Recall) {
    let mut stored = Vec::new();
    for number in 0..7 {
        stored.push(store(&recall, &format!("note {number}")).await);
    }
    recall.store(Memory::new(SALE).with_tenant("other")).await.expect("the memory is stored");
    let (mut page, mut listed) = (MemoryPage::new(Tenant::default()).with_limit(3), Vec::new());
    loop {
        let memories = recall.list(page.clone()).await.expect("listing is answered");
        assert!(memories.len() <= 3);
        let Some(last) = memories.last() else { break };
        page = page.with_after(last.id.clone());
        listed.extend(memories.into_iter().map(|memory| memory.id));
    }
    assert_eq!(listed, stored);
    for limit in [0, MemoryPage::MAX_LIMIT + 1] {
        let refused = recall.list(MemoryPage::new(Tenant::default()).with_limit(limit)).await;
        assert_eq!(refused.expect_err("out of range").code(), Code::Invalid);
    }
}

/// Forgetting a tenant forgets all that it stored and nothing else.
pub async fn forgotten_tenant_is_empty_and_others_stay(recall: impl Recall) {
    for text in [SALE, KETTLE] {
        store(&recall, text).await;
        recall.store(Memory::new(text).with_tenant("other")).await.expect("the memory is stored");
    }
    let tenant = Tenant::default();
    assert!(recall.holds(&tenant));
    assert_eq!(recall.forget_all(&tenant).await.expect("forgetting is answered"), 2);
    assert_eq!(recall.forget_all(&tenant).await.expect("forgetting is answered"), 0);
    assert!(search(&recall, MemoryQuery::new(SALE)).await.is_empty());
    assert_eq!(search(&recall, MemoryQuery::new(SALE).with_tenant("other")).await.len(), 2);
    store(&recall, SALE).await;
    assert_eq!(search(&recall, MemoryQuery::new(SALE)).await, [SALE]);
}
