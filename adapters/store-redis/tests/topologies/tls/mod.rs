//! The same with TLS: everybody proves who they are, and nobody else is talked to.

mod alone;
mod cluster;
mod sentinel;

use maily_store_redis::RedisConfig;
use maily_store_redis::testing::Tls;

/// Where the servers of these tests are.
const HOST: &str = "127.0.0.1";

/// Returns the settings of a client that believes this authority.
fn believing(url: String, tls: &Tls) -> RedisConfig {
    let mut config = super::support::config(url);
    config.ca_file = Some(tls.ca_file());
    // The handshakes of a loaded machine.
    config.timeout_ms = 10_000;
    config
}

/// The same with a certificate of its own.
fn believed(url: String, tls: &Tls) -> RedisConfig {
    let mut config = believing(url, tls);
    let [certificate, key] = tls.client_files();
    (config.cert_file, config.key_file) = (Some(certificate), Some(key));
    config
}
