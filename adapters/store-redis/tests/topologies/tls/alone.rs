//! One server that proves who it is, and some that cannot.

use std::time::{Duration, Instant};

use maily_errors::Code;
use maily_redis::{Key, Store as _};
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::{Product, Server, Tls};

use super::{HOST, believed, believing};
use crate::support::{SLACK, TIMEOUT, config, patient};

#[tokio::test]
async fn server_with_a_certificate_of_our_authority_is_used() {
    let tls = Tls::new(&[HOST]);
    let Some(server) = Server::start_tls(Product::Redis7, &tls) else { return };
    let store = believing(server.url(), &tls).build().unwrap();
    let key = Key::new("secret").unwrap();
    // More than one record of TLS.
    let value = vec![7; 300_000];

    store.set(&key, value.clone().into(), None).await.unwrap();

    assert_eq!(store.get(&key).await.unwrap(), Some(value.into()));
}

#[tokio::test]
async fn server_that_cannot_prove_who_it_is_is_refused() {
    let ours = || Tls::new(&[HOST]);
    let other = Tls::new(&[HOST]);
    let public = |config: &mut RedisConfig| config.ca_file = None;
    for (name, tls, change) in [
        ("a public authority is wanted", ours(), &public as &dyn Fn(&mut RedisConfig)),
        ("another authority is wanted", ours(), &|config| config.ca_file = Some(other.ca_file())),
        ("the certificate is for another address", Tls::new(&["127.0.0.2"]), &|_| ()),
        ("the certificate is for a name", Tls::new(&["localhost"]), &|_| ()),
        ("the certificate is expired", Tls::until(&[HOST], 2021), &|_| ()),
    ] {
        let Some(server) = Server::start_tls(Product::Redis7, &tls) else { return };
        let mut config = believing(server.url(), &tls);
        change(&mut config);

        let err = config.build().unwrap().ping().await.unwrap_err();

        assert_eq!(err.code(), Code::RedisCertificateRefused, "{name}: {err:?}");
    }
}

#[tokio::test]
async fn server_that_asks_for_a_certificate_gets_ours() {
    let tls = Tls::new(&[HOST]).with_clients_asked();
    let Some(server) = Server::start_tls(Product::Redis7, &tls) else { return };
    let mut foreign = believing(server.url(), &tls);
    let other = Tls::new(&[HOST]);
    let [certificate, key] = other.client_files();
    (foreign.cert_file, foreign.key_file) = (Some(certificate), Some(key));

    believed(server.url(), &tls).build().unwrap().ping().await.unwrap();
    for (name, config) in [("none", believing(server.url(), &tls)), ("a foreign one", foreign)] {
        let err = config.build().unwrap().ping().await.unwrap_err();

        assert_eq!(err.code(), Code::RedisCertificateRefused, "{name}: {err:?}");
        assert!(err.message().contains("certificate"), "{name}: {err:?}");
    }
}

#[tokio::test]
async fn server_without_tls_is_said_within_the_deadline() {
    let Some(server) = Server::start() else { return };
    let Some(closed) = Server::start() else { return };
    closed.ask(&["CONFIG", "SET", "requirepass", "hunter2"]).unwrap();
    for server in [&server, &closed] {
        let url = server.url().replace("redis:", "rediss:");
        let start = Instant::now();

        let err = patient(&config(url)).ping().await.unwrap_err();

        println!("a server without tls was noticed after {:?}: {err}", start.elapsed());
        // Before the deadline, so that it says why.
        assert_eq!(err.code(), Code::RedisProtocol, "{err:?}");
        assert!(start.elapsed() < TIMEOUT + SLACK);
    }
}

#[tokio::test]
async fn server_with_tls_is_not_used_without_it() {
    let tls = Tls::new(&[HOST]);
    let Some(server) = Server::start_tls(Product::Redis7, &tls) else { return };
    let start = Instant::now();

    let err = patient(&config(server.url().replace("rediss:", "redis:"))).ping().await.unwrap_err();

    println!("a server that wants tls was noticed after {:?}: {err:?}", start.elapsed());
    assert!(matches!(err.code(), Code::RedisProtocol | Code::RedisUnreachable), "{err:?}");
    assert!(start.elapsed() < TIMEOUT + SLACK);
}

#[tokio::test]
async fn tls_server_that_hangs_costs_the_deadline() {
    let tls = Tls::new(&[HOST]);
    let Some(server) = Server::start_tls(Product::Redis7, &tls) else { return };
    server.pause();
    let mut config = believing(server.url(), &tls);
    config.timeout_ms = TIMEOUT.as_millis() as u64;
    let start = Instant::now();

    let err = config.build().unwrap().ping().await.unwrap_err();

    assert!(err.is_temporary(), "{err:?}");
    assert!(start.elapsed() < TIMEOUT + SLACK, "{:?}", start.elapsed());
    server.resume();
    let store = believing(server.url(), &tls).build().unwrap();
    let start = Instant::now();
    while let Err(err) = store.ping().await {
        assert!(start.elapsed() < Duration::from_secs(20), "{err:?}");
    }
}

#[test]
fn settings_for_tls_that_cannot_be_used_are_refused() {
    let tls = Tls::new(&[HOST]);
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem").to_str().unwrap().to_owned();
    std::fs::write(&empty, "no certificate").unwrap();
    let none = folder.path().join("none.pem").to_str().unwrap().to_owned();
    let [certificate, key] = tls.client_files();
    let some = |file: &str| Some(file.to_owned());
    for (name, scheme, ca_file, cert_file, key_file) in [
        ("a file that is not there", "rediss", some(&none), None, None),
        ("a file without a certificate", "rediss", some(&empty), None, None),
        ("a certificate without a key", "rediss", None, some(&certificate), None),
        ("a key without a certificate", "rediss", None, None, some(&key)),
        ("a certificate of ours that is none", "rediss", None, some(&empty), some(&key)),
        ("a key that is a certificate", "rediss", None, some(&certificate), some(&certificate)),
        ("a url without tls", "redis", Some(tls.ca_file()), None, None),
        ("a url without tls, and our certificate", "redis", None, some(&certificate), some(&key)),
    ] {
        let mut config = RedisConfig::new(format!("{scheme}://{HOST}:1"));
        (config.ca_file, config.cert_file, config.key_file) = (ca_file, cert_file, key_file);

        let err = config.transport().unwrap_err();

        assert_eq!(err.code(), Code::ConfigInvalid, "{name}: {err:?}");
    }
}
