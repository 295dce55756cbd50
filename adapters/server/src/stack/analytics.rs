//! Analytics: the model, the live windows, and the platforms that send events.

use std::sync::Arc;

use maily_analytics::Analytics;
use maily_analytics::memory::MemoryLog;
use maily_analytics::port::Source;
use maily_errors::Error;
use maily_source_esp::SendGridConfig;

use crate::config::Config;

/// Builds the service; a platform without a key is not offered.
///
/// # Errors
///
/// [`Code::KeyInvalid`](maily_errors::Code::KeyInvalid) when a verification key is none.
pub fn build(config: &Config) -> Result<Analytics, Error> {
    let mut sources: Vec<Arc<dyn Source>> = Vec::new();
    if !config.sources.sendgrid_key.is_empty() {
        sources.push(Arc::new(SendGridConfig::new(config.sources.sendgrid_key.clone()).build()?));
    }
    Analytics::new(&config.analytics, MemoryLog::new(), sources)
}
