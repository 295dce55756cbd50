//! What is searched: definitions of words as a model sees them, crowds, and vectors in any direction.

use std::fs;
use std::path::Path;

use maily_embed_ort::EmbedOrtConfig;
use maily_mesh::{Embedding, Texts};
use tower::ServiceExt;

use crate::component;
use crate::random::Random;

/// Vectors, queries that are none of them, and the ten best of each query.
pub(super) struct Data {
    pub(super) name: &'static str,
    /// Whether the bars of ours are meant for such vectors.
    pub(super) bar: bool,
    pub(super) vectors: Vec<Embedding>,
    pub(super) queries: Vec<Embedding>,
    truth: Vec<Vec<u64>>,
}

impl Data {
    fn new(name: &'static str, bar: bool, mut vectors: Vec<Embedding>) -> Self {
        let queries = vectors.split_off(COUNT);
        let truth = queries.iter().map(|query| best_of(&vectors, query)).collect();
        Self { name, bar, vectors, queries, truth }
    }

    /// Returns how many of the best a search finds, as a part of one.
    pub(super) fn recall(&self, search: impl Fn(&Embedding) -> Vec<u64>) -> f64 {
        let hits = self.queries.iter().zip(&self.truth).map(|(query, truth)| {
            let found = search(query);
            truth.iter().filter(|key| found.contains(key)).count()
        });
        hits.sum::<usize>() as f64 / (QUERIES * BEST) as f64
    }
}

fn best_of(vectors: &[Embedding], query: &Embedding) -> Vec<u64> {
    let mut scores: Vec<(f32, u64)> = vectors.iter().map(|vector| vector.cosine(query)).zip(0..).collect();
    scores.select_nth_unstable_by(BEST - 1, |left, right| right.0.total_cmp(&left.0));
    scores[..BEST].iter().map(|(_, key)| *key).collect()
}

/// The definitions of WordNet's nouns, embedded by MiniLM: a minute the first time, then from the cache.
pub(super) fn definitions() -> Result<Data, String> {
    let cache = component::find("MAILY_CACHE")?;
    let kept = cache.join(format!("peers-definitions-{}.f32", COUNT + QUERIES));
    let wanted = (COUNT + QUERIES) * DIMENSION * 4;
    let bytes = match fs::read(&kept) {
        Ok(bytes) if bytes.len() == wanted => bytes,
        _ => {
            let texts = glosses(&component::find("MAILY_PEERS_WORDNET")?)?;
            let bytes = embed(&cache, &texts)?;
            fs::write(&kept, &bytes).map_err(|err| format!("{}: {err}", kept.display()))?;
            bytes
        }
    };
    let (values, _) = bytes.as_chunks::<4>();
    let values: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let vectors = values.chunks(DIMENSION).map(|vector| Embedding::from_normalized(vector.to_vec()));
    Ok(Data::new("definitions", true, vectors.collect()))
}

/// Reads definitions with their examples, in an order that says nothing, each once.
fn glosses(folder: &Path) -> Result<Vec<String>, String> {
    let path = folder.join("data.noun");
    let file = fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let mut texts: Vec<String> = file
        .lines()
        .filter_map(|line| line.split_once(" | "))
        .map(|(_, text)| text.trim().to_owned())
        .collect();
    texts.sort_unstable();
    texts.dedup();
    let mut random = Random(SEED);
    for at in (1..texts.len()).rev() {
        texts.swap(at, random.below(at + 1));
    }
    texts.truncate(COUNT + QUERIES);
    if texts.len() < COUNT + QUERIES {
        return Err(format!("{} has only {} definitions", path.display(), texts.len()));
    }
    Ok(texts)
}

fn embed(cache: &Path, texts: &[String]) -> Result<Vec<u8>, String> {
    let embedder = EmbedOrtConfig::from_folder(cache).build().map_err(|err| err.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|err| err.to_string())?;
    let mut bytes = Vec::with_capacity(texts.len() * DIMENSION * 4);
    for texts in texts.chunks(Texts::MAX_COUNT) {
        let texts = Texts::new(texts.iter().map(String::as_str)).map_err(|err| err.to_string())?;
        let vectors = runtime.block_on(embedder.clone().oneshot(texts)).map_err(|err| err.to_string())?;
        let values = vectors.iter().flat_map(Embedding::as_slice);
        bytes.extend(values.flat_map(|value| value.to_le_bytes()));
        eprintln!("{} definitions are embedded", bytes.len() / DIMENSION / 4);
    }
    Ok(bytes)
}

/// 500 crowds; each vector is as far from the center of its crowd as that is from zero.
pub(super) fn crowds() -> Data {
    let mut random = Random(SEED);
    let centers: Vec<_> = (0..500).map(|_| random.vector()).collect();
    let mut beside = || {
        let center = random.below(centers.len());
        let noise = random.vector();
        let values = centers[center].as_slice().iter().zip(noise.as_slice());
        Embedding::normalized(values.map(|(center, noise)| center + noise).collect())
    };
    Data::new("crowds", true, (0..COUNT + QUERIES).map(|_| beside()).collect())
}

/// Vectors without any structure, whose best differ from the others by next to nothing: no index finds them.
pub(super) fn anywhere() -> Data {
    let mut random = Random(SEED);
    Data::new("any direction", false, (0..COUNT + QUERIES).map(|_| random.vector()).collect())
}

impl Random {
    /// A vector of length 1 in any direction: normal numbers by Box and Muller.
    fn vector(&mut self) -> Embedding {
        let mut normal = || {
            let length = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
            length * (std::f64::consts::TAU * self.uniform()).cos()
        };
        Embedding::normalized((0..DIMENSION).map(|_| normal() as f32).collect())
    }
}

pub(super) const COUNT: usize = 50_000;
pub(super) const DIMENSION: usize = 384;
pub(super) const BEST: usize = 10;
const QUERIES: usize = 500;
const SEED: u64 = 384;
