//! The store: in memory, or on a server.

use maily_errors::Error;
use maily_redis::{MemoryConfig, StoreService};
use maily_serve_http::redis::router;
use maily_store_redis::RedisConfig;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Config;

/// Returns the routes of the store.
///
/// # Errors
///
/// [`Code::ConfigInvalid`](maily_errors::Code::ConfigInvalid) when the URL is none. A server that is down is no
/// error here: calls fail until it is up.
pub(super) fn routes(config: &Config) -> Result<OpenApiRouter, Error> {
    Ok(match settings(config) {
        None => router(StoreService::new(MemoryConfig::default().build())),
        Some(settings) => router(StoreService::new(settings.build()?)),
    })
}

/// Returns how to reach the server, the sentinels or the cluster, if one is set.
pub(crate) fn settings(config: &Config) -> Option<RedisConfig> {
    let url = config.redis.url.as_ref()?;
    let mut settings = RedisConfig::new(url.expose().as_str());
    settings.prefix.clone_from(&config.redis.prefix);
    settings.timeout_ms = config.redis.timeout_ms;
    settings.ca_file.clone_from(&config.redis.ca_file);
    Some(settings)
}
