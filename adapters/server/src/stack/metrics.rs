//! What is measured, as Prometheus reads it.

use std::time::Duration;

use maily_errors::{Code, Error};
use maily_mesh::layer::meter::{HISTOGRAMS, HistogramInfo};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Records from now on, with the buckets that the cores advise, until the server drains.
///
/// # Errors
///
/// [`Code::Unexpected`] for a core that advises no buckets at all.
pub(super) fn record(draining: &CancellationToken) -> Result<PrometheusHandle, Error> {
    let with = |builder: PrometheusBuilder, of: &HistogramInfo| {
        builder.set_buckets_for_metric(Matcher::Full(of.name.to_owned()), of.buckets)
    };
    let builder = HISTOGRAMS.iter().try_fold(PrometheusBuilder::new(), with);
    let builder = builder.map_err(|err| Error::from(Code::Unexpected).with_source(err))?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // A second server in one process, in tests, shares the recorder of the first.
    let _ = metrics::set_global_recorder(recorder);
    let (draining, upkeep) = (draining.clone(), handle.clone());
    tokio::spawn(async move { draining.run_until_cancelled(keep_up(upkeep)).await });
    Ok(handle)
}

/// Counts single values into their buckets now and then: where nobody reads the metrics they would pile up.
async fn keep_up(handle: PrometheusHandle) {
    let mut ticks = interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

const UPKEEP: Duration = Duration::from_secs(5);
