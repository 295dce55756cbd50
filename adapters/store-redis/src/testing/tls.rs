//! Servers that prove who they are, by an authority of our own.

use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

/// How servers speak TLS: which names their certificate has, and whether clients need one too.
///
/// The files are in a folder that is removed with the last clone.
#[derive(Clone, Debug)]
pub struct Tls {
    folder: Arc<TempDir>,
    /// With what a test asks servers, whoever they are.
    client: Arc<ClientConfig>,
    asks_clients: bool,
}

impl Tls {
    /// Creates an authority and lets it vouch for servers of these names or addresses, and for a client.
    #[must_use]
    pub fn new(names: &[&str]) -> Self {
        Self::until(names, LAST_YEAR)
    }

    /// The same with a certificate of the servers that ends with the beginning of a year.
    #[must_use]
    pub fn until(names: &[&str], year: i32) -> Self {
        let folder = tempfile::Builder::new().prefix("maily-tls-").tempdir().expect("a folder for the files");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("ours");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "Maily tests");
        let authority = CertifiedIssuer::self_signed(authority, pair()).expect("an authority");
        let vouch = |names: &[&str], year| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).expect("names that certificates can have");
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(year, 1, 1);
            let key = pair();
            (params.signed_by(&key, &authority).expect("the authority vouches"), key)
        };
        let (server, server_key) = vouch(names, year);
        let (client, client_key) = vouch(&["client"], LAST_YEAR);
        for (name, text) in FILES.into_iter().zip([
            authority.pem(),
            client.pem(),
            client_key.serialize_pem(),
            server.pem(),
            server_key.serialize_pem(),
        ]) {
            write(name, &text);
        }
        let key = PrivateKeyDer::try_from(client_key.serialize_der()).expect("it was just made");
        let client = whoever(client.der().clone(), key);
        Self { folder: Arc::new(folder), client: Arc::new(client), asks_clients: false }
    }

    /// Lets servers refuse clients that this authority does not vouch for.
    #[must_use]
    pub fn with_clients_asked(mut self) -> Self {
        self.asks_clients = true;
        self
    }

    /// Returns the file with the authority's certificate.
    #[must_use]
    pub fn ca_file(&self) -> String {
        path(self.folder.path(), CA)
    }

    /// Returns the files with a client's certificate and its key.
    #[must_use]
    pub fn client_files(&self) -> [String; 2] {
        [CLIENT, CLIENT_KEY].map(|name| path(self.folder.path(), name))
    }

    /// Copies the files for a server, and returns what makes a server in that folder speak nothing else, also to its
    /// like.
    pub(super) fn settings(&self, folder: &Path, port: u16) -> Vec<String> {
        for name in FILES {
            fs::copy(self.folder.path().join(name), folder.join(name)).expect("both folders are ours");
        }
        let asks = if self.asks_clients { "yes" } else { "no" };
        let settings: [[&str; 2]; 7] = [
            ["--port", "0"],
            ["--tls-port", &port.to_string()],
            ["--tls-cert-file", SERVER],
            ["--tls-key-file", SERVER_KEY],
            ["--tls-ca-cert-file", CA],
            ["--tls-auth-clients", asks],
            ["--tls-replication", "yes"],
        ];
        settings.as_flattened().iter().map(|word| (*word).to_owned()).collect()
    }

    pub(super) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }
}

/// Returns the authority's certificate, and a client's with its key, in the folder of a server.
pub(super) fn files(folder: &Path) -> [String; 3] {
    [CA, CLIENT, CLIENT_KEY].map(|name| path(folder, name))
}

/// Makes a connection secret.
pub(super) fn wrap(
    client: &Arc<ClientConfig>,
    tcp: TcpStream,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    let connection = ClientConnection::new(Arc::clone(client), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, tcp))
}

fn whoever(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Whoever(provider)))
        .with_client_auth_cert(vec![certificate], key)
        .expect("the key is that of the certificate")
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("a folder of our own").to_owned()
}

fn pair() -> KeyPair {
    KeyPair::generate().expect("keys can be made")
}

/// Takes any certificate: a test looks after servers that nobody else would talk to.
#[derive(Debug)]
struct Whoever(Arc<CryptoProvider>);

impl ServerCertVerifier for Whoever {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

const CA: &str = "ca.pem";
const CLIENT: &str = "client.pem";
const CLIENT_KEY: &str = "client.key";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server.key";
const FILES: [&str; 5] = [CA, CLIENT, CLIENT_KEY, SERVER, SERVER_KEY];
const LAST_YEAR: i32 = 2120;
