/// A histogram of this layer: what an exporter needs to know of it before the first value.
///
/// # Examples
///
/// With `metrics-exporter-prometheus`, so that the buckets are those that the conventions advise:
///
/// ```
/// use maily_mesh::layer::meter::HISTOGRAMS;
///
/// let buckets: Vec<(&str, &[f64])> = HISTOGRAMS.iter().map(|of| (of.name, of.buckets)).collect();
/// // for (name, buckets) in buckets { builder = builder.set_buckets_for_metric(Matcher::Full(name.into()), buckets)?; }
/// assert!(buckets.iter().all(|(_, buckets)| buckets.is_sorted()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistogramInfo {
    /// Its name, in the spelling of Prometheus.
    pub name: &'static str,
    /// What it measures, in one sentence.
    pub about: &'static str,
    /// Where its buckets end, rising: seconds, or tokens.
    pub buckets: &'static [f64],
}

/// Every histogram of this layer, with the buckets that the conventions advise.
pub const HISTOGRAMS: [HistogramInfo; 6] = [DURATION, FIRST_CHUNK, BETWEEN, TOKENS, FIRST_TOKEN, PER_TOKEN];

pub(in crate::layer) const DURATION: HistogramInfo = HistogramInfo {
    name: "gen_ai_client_operation_duration_seconds",
    about: "Time from a prompt to the end of its answer.",
    buckets: &SECONDS,
};
pub(super) const FIRST_CHUNK: HistogramInfo = HistogramInfo {
    name: "gen_ai_client_operation_time_to_first_chunk_seconds",
    about: "Time from a prompt to the first chunk of its stream.",
    buckets: &SECONDS,
};
pub(super) const BETWEEN: HistogramInfo = HistogramInfo {
    name: "gen_ai_client_operation_time_per_output_chunk_seconds",
    about: "Time from each chunk of a stream to the next one.",
    buckets: &SECONDS,
};
pub(super) const TOKENS: HistogramInfo = HistogramInfo {
    name: "gen_ai_client_token_usage",
    about: "Tokens of a prompt and of its answer, as the node counts them.",
    buckets: &[
        1.0,
        4.0,
        16.0,
        64.0,
        256.0,
        1024.0,
        4096.0,
        16_384.0,
        65_536.0,
        262_144.0,
        1_048_576.0,
        4_194_304.0,
        16_777_216.0,
        67_108_864.0,
    ],
};
pub(super) const FIRST_TOKEN: HistogramInfo = HistogramInfo {
    name: "gen_ai_server_time_to_first_token_seconds",
    about: "Time from a prompt to the first token of its stream.",
    buckets: &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
};
pub(super) const PER_TOKEN: HistogramInfo = HistogramInfo {
    name: "gen_ai_server_time_per_output_token_seconds",
    about: "Mean time of a stream for each token behind the first one.",
    buckets: &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5],
};

const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
