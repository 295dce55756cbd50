//! The indexes: ours, and those of others, as their authors recommend them.

use allocation_counter::measure;
use hnsw_rs::prelude::{DistDot, Hnsw};
use maily_mesh::Embedding;
use maily_mesh::recall::Vectors;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::data::{BEST, COUNT, DIMENSION};

/// Finds the ten best of a query with a width of search.
type Search = Box<dyn Fn(&Embedding, usize) -> Vec<u64> + Send + Sync>;

/// An index, and what it took to build.
pub(super) struct Built {
    pub(super) name: &'static str,
    pub(super) cpu_s: f64,
    pub(super) bytes: usize,
    /// The widths at which it is measured.
    pub(super) widths: &'static [usize],
    pub(super) search: Search,
}

/// Builds an index on the calling thread.
type Builder = fn(&[Embedding]) -> Built;

/// The slowest to build first.
pub(super) const ALL: &[Builder] = &[hnsw_rs, graph, usearch_f16, usearch_i8, every_vector];

fn graph(vectors: &[Embedding]) -> Built {
    ours(vectors, 20_000, "ours")
}

fn every_vector(vectors: &[Embedding]) -> Built {
    ours(vectors, usize::MAX, "ours, every vector")
}

fn ours(vectors: &[Embedding], exact: usize, name: &'static str) -> Built {
    let before = cpu_seconds();
    let mut index = Vectors::new(exact);
    let used = measure(|| {
        for vector in vectors {
            // A copy, so that the vector counts as ours.
            index.insert(Embedding::from_normalized(vector.as_slice().to_vec()));
        }
        index.settle();
    });
    let search: Search =
        Box::new(move |query, _| index.nearest(query, BEST).into_iter().map(|(row, _)| row.into()).collect());
    Built { name, cpu_s: cpu_seconds() - before, bytes: used.bytes_current as usize, widths: &[0], search }
}

fn usearch_f16(vectors: &[Embedding]) -> Built {
    usearch(vectors, ScalarKind::F16, "usearch f16", &[64, 128])
}

fn usearch_i8(vectors: &[Embedding]) -> Built {
    usearch(vectors, ScalarKind::I8, "usearch i8", &[64])
}

fn usearch(
    vectors: &[Embedding],
    quantization: ScalarKind,
    name: &'static str,
    widths: &'static [usize],
) -> Built {
    let before = cpu_seconds();
    let options = IndexOptions {
        dimensions: DIMENSION,
        metric: MetricKind::IP,
        quantization,
        connectivity: 16,
        expansion_add: 128,
        expansion_search: 64,
        multi: false,
    };
    let index = Index::new(&options).expect("the options are right");
    index.reserve(COUNT).expect("there is memory");
    for (key, vector) in (0..).zip(vectors) {
        index.add(key, vector.as_slice()).expect("the vector fits");
    }
    let (cpu_s, bytes) = (cpu_seconds() - before, index.memory_usage());
    let search: Search = Box::new(move |query, width| {
        index.change_expansion_search(width);
        index.search(query.as_slice(), BEST).expect("the query fits").keys
    });
    Built { name, cpu_s, bytes, widths, search }
}

fn hnsw_rs(vectors: &[Embedding]) -> Built {
    let before = cpu_seconds();
    let mut index = None;
    let used = measure(|| {
        let graph = Hnsw::<f32, DistDot>::new(16, COUNT, 16, 128, DistDot {});
        for (key, vector) in vectors.iter().enumerate() {
            graph.insert((vector.as_slice(), key));
        }
        index = Some(graph);
    });
    let index = index.expect("it was built");
    let search: Search = Box::new(move |query, width| {
        let found = index.search(query.as_slice(), BEST, width);
        found.into_iter().map(|near| near.d_id as u64).collect()
    });
    let cpu_s = cpu_seconds() - before;
    Built { name: "hnsw_rs f32", cpu_s, bytes: used.bytes_current as usize, widths: &[64, 128], search }
}

/// CPU time of this thread, in seconds.
pub(super) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or_default() / 1e9
}
