//! The rules of the [`Archive`] port.

use std::sync::Arc;

use futures_util::future::try_join_all;

use crate::memory::HashEmbedder;
use crate::model::{
    Archived, Embedding, Memory, MemoryPage, MemoryQuery, Recalled, Remembered, Tenant, Texts,
};
use crate::port::{Archive, Recall};
use crate::recall::{Memories, MemoriesConfig};

fn memory(number: u64, text: impl Into<String>) -> Arc<Archived> {
    let tenant = Tenant::from(format!("tenant {}", number % 3));
    let embedding = Embedding::normalized(vec![number as f32, 0.5, -1.0e-20, 1.0]);
    let ends_ms = (number.is_multiple_of(2)).then_some(u64::MAX - number);
    Arc::new(Archived { number, tenant, text: text.into(), embedding, created_ms: number / 2, ends_ms })
}

async fn append(archive: &impl Archive, memories: impl IntoIterator<Item = Arc<Archived>>) {
    archive.append(memories.into_iter().collect()).await.expect("the memories are kept");
}

async fn load(archive: &impl Archive, after: u64, limit: usize) -> Vec<Archived> {
    archive.load(after, limit).await.expect("the memories are loaded")
}

/// What was kept is loaded, each field as it was.
pub async fn appended_memories_are_loaded_as_they_were(archive: impl Archive) {
    assert!(load(&archive, 0, 10).await.is_empty());
    let memories = [memory(1, "ä\0\n\"b\""), memory(2, "東京"), memory(u64::MAX, " ")];
    append(&archive, memories.clone()).await;
    let loaded: Vec<_> = load(&archive, 0, 10).await.into_iter().map(Arc::new).collect();
    assert_eq!(loaded, memories);
}

/// Pages come in the order of the numbers, none is longer than asked for, and the last one is empty.
pub async fn pages_come_in_order_and_end(archive: impl Archive) {
    append(&archive, [5, 1, 9, 3, 7].map(|number| memory(number, "text"))).await;
    let (mut numbers, mut after) = (Vec::new(), 0);
    loop {
        let page = load(&archive, after, 2).await;
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = last.number;
        numbers.extend(page.iter().map(|memory| memory.number));
    }
    assert_eq!(numbers, [1, 3, 5, 7, 9]);
    assert!(load(&archive, u64::MAX, 2).await.is_empty());
}

/// A memory that is appended under the number of another takes its place.
pub async fn memory_appended_again_is_replaced(archive: impl Archive) {
    append(&archive, [memory(1, "before"), memory(2, "stays")]).await;
    append(&archive, [memory(1, "after")]).await;
    let texts: Vec<_> = load(&archive, 0, 10).await.into_iter().map(|memory| memory.text).collect();
    assert_eq!(texts, ["after", "stays"]);
}

/// What was removed is gone; numbers that are not there do not matter.
pub async fn removed_memories_are_gone(archive: impl Archive) {
    append(&archive, (1..=5).map(|number| memory(number, "text"))).await;
    archive.remove(vec![2, 4, 99]).await.expect("removing is answered");
    archive.remove(vec![2]).await.expect("removing again is answered");
    let numbers: Vec<_> = load(&archive, 0, 10).await.into_iter().map(|memory| memory.number).collect();
    assert_eq!(numbers, [1, 3, 5]);
}

/// A memory of the limits is kept: the longest text, a long name, a long vector.
pub async fn biggest_memory_is_kept(archive: impl Archive) {
    let mut biggest = Archived::clone(&memory(1, "x".repeat(Texts::MAX_BYTES)));
    biggest.tenant = Tenant::from("t".repeat(256));
    biggest.embedding = Embedding::normalized((0..4096).map(|value| value as f32).collect());
    append(&archive, [Arc::new(biggest.clone())]).await;
    assert_eq!(load(&archive, 0, 1).await, [biggest]);
}

/// Memories of many callers at once are all kept.
pub async fn many_at_once_are_all_kept(archive: impl Archive) {
    let callers = (1..=100).map(|number| archive.append(vec![memory(number, "text")]));
    try_join_all(callers).await.expect("the memories are kept");
    assert_eq!(load(&archive, 0, 1000).await.len(), 100);
}

/// Memories over the archive answer after they were opened again as they did before.
pub async fn opened_memories_answer_as_before(archive: impl Archive + 'static) {
    let archive = Arc::new(archive);
    let open = || async {
        let opened = Memories::open(HashEmbedder, archive.clone(), MemoriesConfig::default()).await;
        opened.expect("the memories are opened")
    };
    let before = open().await;
    for number in 0..40 {
        let memory = Memory::new(format!("note {} of the spring sale {number}", number % 7));
        let id = before.store(memory.with_tenant(format!("{}", number % 2))).await.expect("stored");
        if number % 5 == 0 {
            let tenant = Tenant::from(format!("{}", number % 2));
            assert!(before.forget(&tenant, &id).await.expect("forgetting is answered"));
        }
    }
    let after = open().await;
    for tenant in ["0", "1", "2"] {
        assert_eq!(seen(&before, tenant).await, seen(&after, tenant).await);
    }
}

async fn seen(memories: &impl Recall, tenant: &str) -> (Vec<Recalled>, Vec<Remembered>) {
    let query = MemoryQuery::new("the sale of note 3").with_tenant(tenant).with_limit(100);
    let page = MemoryPage::new(tenant).with_limit(100);
    (
        memories.search(query).await.expect("the search is answered"),
        memories.list(page).await.expect("listing is answered"),
    )
}
