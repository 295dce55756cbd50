//! Says which pods a service has, as they come and go: what a mesh would be told.
//!
//! ```sh
//! kubectl proxy --port 8001 &
//! cargo run -p maily-nodes-kubernetes --example follow -- http://127.0.0.1:8001 NAMESPACE SERVICE
//! ```
//!
//! Behind an `https` address stand two files: `.. -- https://HOST:6443 NAMESPACE SERVICE TOKEN_FILE CA_FILE`. In a pod
//! the service alone is enough.
#![expect(clippy::print_stdout, reason = "an example that talks")]

use std::pin::pin;
use std::time::Instant;

use futures_util::StreamExt;
use maily_errors::Result;
use maily_mesh::NodeChange;
use maily_nodes_kubernetes::KubernetesNodesConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let config = match words.as_slice() {
        [service] => KubernetesNodesConfig::new(service),
        [api, namespace, service, files @ ..] => {
            let mut config = KubernetesNodesConfig::new(service);
            (config.api, config.namespace) = (Some(api.clone()), Some(namespace.clone()));
            if let [token, authorities] = files {
                (config.token_file, config.ca_file) = (token.into(), authorities.into());
            }
            config
        }
        _ => {
            println!("say the service, or: API NAMESPACE SERVICE [TOKEN_FILE CA_FILE]");
            return Ok(());
        }
    };
    let start = Instant::now();
    let mut source = pin!(config.build()?);
    while let Some(change) = source.next().await {
        let at = start.elapsed().as_secs_f64();
        match change {
            Ok(NodeChange::Insert(node)) => println!("{at:8.3}  + {} {}", node.name, node.url),
            Ok(NodeChange::Remove(name)) => println!("{at:8.3}  - {name}"),
            Ok(other) => println!("{at:8.3}  ? {other:?}"),
            Err(err) => println!("{at:8.3}  ! {} {err}", err.code().name()),
        }
    }
    Ok(())
}
