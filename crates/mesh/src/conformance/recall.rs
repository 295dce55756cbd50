//! The rules of the [`Recall`] port.

use maily_errors::Code;

use crate::model::{Memory, MemoryId, MemoryQuery, Tenant};
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
