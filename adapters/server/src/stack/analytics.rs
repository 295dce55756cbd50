//! Analytics: the model, the live windows, and the platforms that send events.

use std::sync::Arc;

use maily_analytics::Analytics;
use maily_analytics::port::Source;
use maily_errors::Error;
use maily_source_esp::SendGridConfig;
use maily_store_redb::RedbConfig;

use crate::config::Config;

/// Builds the service on the event log of the data folder; a platform without a key is not offered.
///
/// The windows count what stands in the log before anybody is served.
///
/// # Errors
///
/// [`Code::KeyInvalid`](maily_errors::Code::KeyInvalid) when a verification key is none, and those of
/// [`RedbConfig::events`].
pub async fn open(config: &Config) -> Result<Analytics, Error> {
    let mut sources: Vec<Arc<dyn Source>> = Vec::new();
    if !config.sources.sendgrid_key.is_empty() {
        sources.push(Arc::new(SendGridConfig::new(config.sources.sendgrid_key.clone()).build()?));
    }
    let log = RedbConfig::new(super::data_file(config, "events.redb")?).events().await?;
    let analytics = Analytics::new(&config.analytics, log, sources)?;
    analytics.catch_up().await?;
    Ok(analytics)
}
