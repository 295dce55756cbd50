//! A server that proves who it is, and some that cannot.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "these are tests: what fails panics")]

use std::path::Path;

use maily_errors::Code;
use maily_redis::{Key, Store as _};
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::{Product, Server};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType, date_time_ymd,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Maily tests");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes the files of a server and returns it and where it listens with TLS.
fn serve(folder: &Path, authority: &Authority, address: &str, last_year: i32) -> Option<(Server, u16)> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::IpAddress(address.parse().unwrap())];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    let certificate = params.signed_by(&key, authority).unwrap();
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let [certificate, key, ca] = [
        file("server.pem", certificate.pem()),
        file("server.key", key.serialize_pem()),
        file("ca.pem", authority.pem()),
    ];
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let tls_port = port.to_string();
    let settings = ["--tls-port", &tls_port, "--tls-cert-file", &certificate, "--tls-key-file", &key]
        .into_iter()
        .chain(["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"])
        .collect::<Vec<_>>();
    Some((Server::start_with(Product::Redis7, &settings)?, port))
}

fn config(port: u16, ca_file: Option<&Path>) -> RedisConfig {
    let mut config = RedisConfig::new(format!("rediss://127.0.0.1:{port}"));
    config.ca_file = ca_file.map(|path| path.to_str().unwrap().to_owned());
    config.timeout_ms = 10_000;
    config
}

#[tokio::test]
async fn server_with_a_certificate_of_our_authority_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let Some((server, port)) = serve(folder.path(), &authority(), "127.0.0.1", 2120) else { return };
    let store = config(port, Some(&folder.path().join("ca.pem"))).build().unwrap();
    let key = Key::new("secret").unwrap();
    // More than one record of TLS.
    let value = vec![7; 300_000];

    store.set(&key, value.clone().into(), None).await.unwrap();

    assert_eq!(store.get(&key).await.unwrap(), Some(value.into()));
    drop(server);
}

#[tokio::test]
async fn server_that_cannot_prove_who_it_is_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ours = authority();
    let ca = folder.path().join("ca.pem");
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("other.pem"), authority().pem()).unwrap();

    for (name, address, last_year, ca_file) in [
        ("a public authority is wanted", "127.0.0.1", 2120, None),
        ("another authority is wanted", "127.0.0.1", 2120, Some(other.path().join("other.pem"))),
        ("the certificate is for another host", "127.0.0.2", 2120, Some(ca.clone())),
        ("the certificate is expired", "127.0.0.1", 2021, Some(ca.clone())),
    ] {
        let Some((_server, port)) = serve(folder.path(), &ours, address, last_year) else { return };

        let err = config(port, ca_file.as_deref()).build().unwrap().ping().await.unwrap_err();

        assert_eq!(err.code(), Code::RedisCertificateRefused, "{name}: {err:?}");
    }
}

#[tokio::test]
async fn server_without_tls_is_no_secret_server() {
    let Some(server) = Server::start() else { return };

    let err = config(server.address().port(), None).build().unwrap().ping().await.unwrap_err();

    assert!(matches!(err.code(), Code::RedisCertificateRefused | Code::RedisUnreachable), "{err:?}");
}

#[test]
fn authorities_that_cannot_be_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for file in [folder.path().join("none.pem"), empty] {
        let err = config(1, Some(&file)).transport().unwrap_err();

        assert_eq!(err.code(), Code::ConfigInvalid, "{err:?}");
    }
}
