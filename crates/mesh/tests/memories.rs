//! What holds for the memories of any tenants, in any order of calls, with and without a graph.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use maily_errors::{Code, Error};
use maily_mesh::memory::{HashEmbedder, VolatileArchive};
use maily_mesh::recall::{Memories, MemoriesConfig};
use maily_mesh::{AnyEmbed, Embedding, Memory, MemoryId, MemoryPage, MemoryQuery, Recall, Tenant, Texts};
use proptest::prelude::*;
use tower::service_fn;

#[derive(Clone, Debug)]
enum Call {
    Store {
        tenant: usize,
        text: String,
    },
    Search {
        tenant: usize,
        text: String,
    },
    /// A tenant tries to forget the memory of any tenant.
    Forget {
        tenant: usize,
        whose: usize,
        which: usize,
    },
    ForgetAll {
        tenant: usize,
    },
    Reopen,
}

fn call() -> impl Strategy<Value = Call> {
    let tenant = || 0..TENANTS.len();
    // Few words, so that tenants say the same.
    let text = || "(sale|tea|order|letter)( (spring|monday|7)){0,2}";
    prop_oneof![
        8 => (tenant(), text()).prop_map(|(tenant, text)| Call::Store { tenant, text }),
        4 => (tenant(), text()).prop_map(|(tenant, text)| Call::Search { tenant, text }),
        3 => (tenant(), tenant(), any::<usize>())
            .prop_map(|(tenant, whose, which)| Call::Forget { tenant, whose, which }),
        1 => tenant().prop_map(|tenant| Call::ForgetAll { tenant }),
        1 => Just(Call::Reopen),
    ]
}

const TENANTS: [&str; 3] = ["ann", "Ann", "bob"];

async fn listed(memories: &impl Recall, tenant: &Tenant) -> BTreeMap<MemoryId, String> {
    let page = MemoryPage::new(tenant.clone()).with_limit(100);
    let listed = memories.list(page).await.unwrap();
    listed.into_iter().map(|memory| (memory.id, memory.text)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tenant_sees_its_own_memories_all_of_them_and_no_others(calls in proptest::collection::vec(call(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let archive = Arc::new(VolatileArchive::default());
            // From the sixth memory of a tenant on there is a graph.
            let config = || MemoriesConfig::default().with_exact(5);
            let open = async || Memories::open(HashEmbedder, archive.clone(), config()).await.unwrap();
            let mut memories = open().await;
            let mut model: [BTreeMap<MemoryId, String>; 3] = Default::default();
            let tenants = TENANTS.map(Tenant::new);
            for call in calls {
                match call {
                    Call::Store { tenant, text } => {
                        let memory = Memory::new(&text).with_tenant(tenants[tenant].clone());
                        let id = memories.store(memory).await.unwrap();
                        prop_assert!(model.iter().all(|theirs| !theirs.contains_key(&id)));
                        model[tenant].insert(id, text);
                    }
                    Call::Search { tenant, text } => {
                        let query = MemoryQuery::new(&text).with_tenant(tenants[tenant].clone()).with_limit(100);
                        let found = memories.search(query).await.unwrap();
                        prop_assert!(found.iter().all(|found| model[tenant].get(&found.id) == Some(&found.text)));
                        let same = model[tenant].values().filter(|theirs| **theirs == text).count();
                        let equal: Vec<_> = found.iter().filter(|found| found.text == text).collect();
                        prop_assert_eq!(equal.len(), same);
                        // Not always the first: a text that says a word twice may be before it in the ranking by words.
                        let nearest = found.iter().map(|found| found.similarity).fold(0.0, f32::max);
                        prop_assert!(equal.iter().all(|equal| equal.similarity > nearest - 1e-5), "{found:?}");
                    }
                    Call::Forget { tenant, whose, which } => {
                        let count = model[whose].len().max(1);
                        let Some(id) = model[whose].keys().nth(which % count).cloned() else { continue };
                        let forgotten = memories.forget(&tenants[tenant], &id).await.unwrap();
                        prop_assert_eq!(forgotten, model[tenant].remove(&id).is_some());
                    }
                    Call::ForgetAll { tenant } => {
                        let count = memories.forget_all(&tenants[tenant]).await.unwrap();
                        prop_assert_eq!(count, model[tenant].len());
                        model[tenant].clear();
                    }
                    Call::Reopen => memories = open().await,
                }
                for (tenant, model) in tenants.iter().zip(&model) {
                    prop_assert_eq!(&listed(&memories, tenant).await, model);
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn vectors_that_cannot_be_compared_are_refused_and_change_nothing() {
    let give = |values: fn(&str) -> Option<Vec<f32>>| {
        AnyEmbed::new(service_fn(move |texts: Texts| {
            let vectors = texts.into_vec().into_iter();
            let vectors: Vec<_> =
                vectors.filter_map(|text| values(&text)).map(Embedding::from_normalized).collect();
            std::future::ready(Ok::<_, Error>(vectors))
        }))
    };
    for (embed, expected) in [
        (
            give(|text| Some(if text == "bad" { vec![f32::NAN, 0.0] } else { vec![0.6, 0.8] })),
            Code::EmbeddingInvalid,
        ),
        (
            give(|text| Some(if text == "bad" { vec![f32::INFINITY, 0.0] } else { vec![0.6, 0.8] })),
            Code::EmbeddingInvalid,
        ),
        (
            give(|text| Some(if text == "bad" { vec![3.0, 4.0] } else { vec![0.6, 0.8] })),
            Code::EmbeddingInvalid,
        ),
        (give(|text| Some(if text == "bad" { vec![1.0] } else { vec![0.6, 0.8] })), Code::EmbeddingDimension),
        (give(|text| Some(if text == "bad" { vec![] } else { vec![0.6, 0.8] })), Code::EmbeddingInvalid),
        (give(|text| (text != "bad").then(|| vec![0.6, 0.8])), Code::Unexpected),
    ] {
        let memories = Memories::new(embed);
        memories.store(Memory::new("good")).await.unwrap();

        assert_eq!(memories.store(Memory::new("bad")).await.unwrap_err().code(), expected);
        assert_eq!(memories.search(MemoryQuery::new("bad")).await.unwrap_err().code(), expected);

        assert_eq!(memories.search(MemoryQuery::new("good")).await.unwrap().len(), 1);
        assert_eq!(memories.counts().memories, 1);
    }
}
