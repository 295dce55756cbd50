//! An API server played by hand: TLS, a list, watches, and what can go wrong with each.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use maily_mesh::{NodeChange, NodeConfig, NodeSource};
use maily_nodes_kubernetes::KubernetesNodesConfig;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub(crate) type Source = Pin<Box<dyn NodeSource<NodeConfig>>>;

/// What the server does with the next requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mood {
    Well,
    /// Answers with this status.
    Status(u16),
    /// Takes the request and says nothing.
    Silent,
}

/// A server, and the folder with what a pod has of it.
pub(crate) struct ApiServer {
    state: Arc<Mutex<State>>,
    lines: broadcast::Sender<String>,
    port: u16,
    pub(crate) folder: TempDir,
    _task: JoinSet<()>,
}

struct State {
    mood: Mood,
    version: u64,
    /// The items of the list, as JSON.
    slices: Vec<String>,
    requests: Vec<String>,
}

impl ApiServer {
    pub(crate) async fn start(slices: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        };
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        std::fs::write(folder.path().join("ca.crt"), authority.pem()).unwrap();
        std::fs::write(folder.path().join("token"), "the-token\n").unwrap();
        std::fs::write(folder.path().join("namespace"), "mail").unwrap();
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { mood: Mood::Well, version: 100, slices: slices.to_vec(), requests: Vec::new() };
        let (state, lines) = (Arc::new(Mutex::new(state)), broadcast::channel(64).0);
        let mut task = JoinSet::new();
        let (serving, said, acceptor) = (state.clone(), lines.clone(), TlsAcceptor::from(Arc::new(tls)));
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (state, said, acceptor) = (serving.clone(), said.clone(), acceptor.clone());
                connections.spawn(async move {
                    if let Ok(socket) = acceptor.accept(socket).await {
                        // A client that leaves is none to answer.
                        let _ = serve(socket, &state, &said).await;
                    }
                });
            }
        });
        Self { state, lines, port, folder, _task: task }
    }

    pub(crate) fn config(&self) -> KubernetesNodesConfig {
        let mut config = KubernetesNodesConfig::new("llama");
        config.api = Some(format!("https://127.0.0.1:{}", self.port));
        config.token_file = self.file("token");
        config.ca_file = self.file("ca.crt");
        config.models = vec!["m".into()];
        config
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// Sets what is listed from now on, without a word to those that watch.
    pub(crate) fn list(&self, slices: &[String]) {
        self.state.lock().unwrap().slices = slices.to_vec();
    }

    /// Says a line to those that watch; an empty one ends their watches, `cut` breaks them off.
    pub(crate) fn say(&self, line: impl Into<String>) {
        let _ = self.lines.send(line.into());
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

async fn serve(
    socket: impl AsyncRead + AsyncWrite,
    state: &Mutex<State>,
    said: &broadcast::Sender<String>,
) -> std::io::Result<()> {
    let (mut reader, mut socket) = tokio::io::split(socket);
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(reader.read_u8().await?);
    }
    let head = String::from_utf8(bytes).unwrap();
    // Before the answer, so that nothing is said in between.
    let mut said = said.subscribe();
    let (mood, list) = {
        let mut state = state.lock().unwrap();
        state.requests.push(head.clone());
        state.version += 1;
        let items = state.slices.join(",");
        let list = format!(
            r#"{{"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","metadata":{{"resourceVersion":"{}"}},"items":[{items}]}}"#,
            state.version
        );
        (state.mood, list)
    };
    let well = head.contains("\r\nauthorization: Bearer the-token\r\n")
        && head.starts_with("GET /apis/discovery.k8s.io/v1/namespaces/mail/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dllama");
    let status = match mood {
        Mood::Well if well => 200,
        Mood::Well => 403,
        Mood::Status(status) => status,
        Mood::Silent => std::future::pending().await,
    };
    if status != 200 {
        let status_text = format!("HTTP/1.1 {status} No\r\ncontent-length: 2\r\n\r\n{{}}");
        return socket.write_all(status_text.as_bytes()).await;
    }
    if !head.contains("&watch=true&allowWatchBookmarks=true&timeoutSeconds=30&resourceVersion=") {
        drop(said);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{list}", list.len());
        return socket.write_all(answer.as_bytes()).await;
    }
    socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    socket.flush().await?;
    loop {
        let said = tokio::select! {
            said = said.recv() => said,
            // Whoever watches has nothing more to say: it left.
            _ = reader.read_u8() => return Ok(()),
        };
        match said.as_deref() {
            Ok("cut") | Err(_) => return Ok(()),
            Ok("") => {
                socket.write_all(b"0\r\n\r\n").await?;
                return socket.flush().await;
            }
            Ok(line) => {
                // In two pieces, as a network may cut it.
                let line = format!("{line}\n");
                let (front, back) = line.split_at(line.len() / 2);
                for piece in [front, back] {
                    socket.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await?;
                    socket.flush().await?;
                }
            }
        }
    }
}

/// An endpoint slice as an API server writes it.
pub(crate) fn slice(name: &str, version: u64, pods: &[(&str, &str, bool)]) -> String {
    let endpoints: Vec<_> = pods
        .iter()
        .map(|(pod, address, ready)| {
            format!(
                r#"{{"addresses":["{address}"],"conditions":{{"ready":{ready},"serving":{ready},"terminating":{}}},"nodeName":"worker","targetRef":{{"kind":"Pod","namespace":"mail","name":"{pod}","uid":"u-{pod}"}},"zone":"z1"}}"#,
                !ready
            )
        })
        .collect();
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"mail","resourceVersion":"{version}","labels":{{"kubernetes.io/service-name":"llama"}}}},"addressType":"IPv4","endpoints":[{}],"ports":[{{"name":"http","port":8000,"protocol":"TCP"}}]}}"#,
        endpoints.join(",")
    )
}

pub(crate) fn event(kind: &str, object: &str) -> String {
    format!(r#"{{"type":"{kind}","object":{object}}}"#)
}

/// The next change, as `+name`, `-name` or the code of the error.
pub(crate) async fn next(source: &mut Source) -> String {
    match timeout(Duration::from_secs(30), source.next()).await.expect("a change in time").unwrap() {
        Ok(NodeChange::Insert(node)) => format!("+{}", node.name),
        Ok(NodeChange::Remove(name)) => format!("-{name}"),
        Ok(_) => "?".to_owned(),
        Err(err) => err.code().name().to_owned(),
    }
}

/// Waits until the source watches, with a request behind the first so many: what is said before that nobody hears.
pub(crate) async fn watching(server: &ApiServer, source: &mut Source, behind: usize) {
    let watches = || {
        let requests = server.requests();
        requests.len() > behind && requests.last().is_some_and(|last| last.contains("&watch=true"))
    };
    quietly_until(source, "it watches", watches).await;
}

/// Polls the source until something holds; nothing may change meanwhile.
pub(crate) async fn quietly_until(source: &mut Source, what: &str, holds: impl Fn() -> bool) {
    tokio::select! {
        change = next(source) => panic!("{change} before {what}"),
        () = until(what, holds) => {}
    }
}

pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = timeout(Duration::from_secs(30), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}
