//! The store: in memory, in a file, or on a server.

use maily_errors::{Code, Error, Public};
use maily_redis::{MemoryConfig, StoreService};
use maily_serve_http::redis::router;
use maily_store_redb::RedbConfig;
use maily_store_redis::RedisConfig;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Config;

/// Returns the routes of the store.
///
/// # Errors
///
/// - [`Code::ConfigInvalid`] when the URL is none, or there is a file as well. A server that is down is no error here:
///   calls fail until it is up.
/// - [`Code::RedisDiskCorrupt`], [`Code::RedisDiskFailed`], [`Code::RedisDiskLocked`] when the file cannot be opened.
pub(super) async fn routes(config: &Config) -> Result<OpenApiRouter, Error> {
    Ok(match (settings(config), &config.redis.path) {
        (None, None) => router(StoreService::new(MemoryConfig::default().build())),
        (None, Some(path)) => router(StoreService::new(RedbConfig::new(path).store().await?)),
        (Some(settings), None) => router(StoreService::new(settings.build()?)),
        (Some(_), Some(_)) => {
            return Err(Error::new(Code::ConfigInvalid, "values are on a server or in a file, not both")
                .with_operation("server::redis")
                .with_context("key", Public("redis.path")));
        }
    })
}

/// Returns how to reach the server, the sentinels or the cluster, if one is set.
pub(crate) fn settings(config: &Config) -> Option<RedisConfig> {
    let url = config.redis.url.as_ref()?;
    let mut settings = RedisConfig::new(url.expose().as_str());
    settings.prefix.clone_from(&config.redis.prefix);
    settings.timeout_ms = config.redis.timeout_ms;
    settings.ca_file.clone_from(&config.redis.ca_file);
    settings.cert_file.clone_from(&config.redis.cert_file);
    settings.key_file.clone_from(&config.redis.key_file);
    Some(settings)
}
