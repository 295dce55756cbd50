//! What is measured, as Prometheus reads it.

use maily_errors::{Code, Error};
use maily_mesh::layer::meter::{HISTOGRAMS, HistogramInfo};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Records from now on, with the buckets that the cores advise.
///
/// # Errors
///
/// [`Code::Unexpected`] for a core that advises no buckets at all.
pub(super) fn record() -> Result<PrometheusHandle, Error> {
    let with = |builder: PrometheusBuilder, of: &HistogramInfo| {
        builder.set_buckets_for_metric(Matcher::Full(of.name.to_owned()), of.buckets)
    };
    let builder = HISTOGRAMS.iter().try_fold(PrometheusBuilder::new(), with);
    let builder = builder.map_err(|err| Error::from(Code::Unexpected).with_source(err))?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // A second server in one process, in tests, shares the recorder of the first.
    let _ = metrics::set_global_recorder(recorder);
    Ok(handle)
}
