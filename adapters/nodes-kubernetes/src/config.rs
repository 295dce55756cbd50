//! The settings of a source of nodes.

use std::path::PathBuf;

use maily_errors::{Code, Error, Public, Result, Secret};
use maily_mesh::{ModelName, NodeConfig, NodeSource};
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::slices::Template;
use crate::watch;

/// A service whose pods are nodes.
///
/// # Examples
///
/// ```
/// use maily_nodes_kubernetes::KubernetesNodesConfig;
///
/// let config: KubernetesNodesConfig =
///     serde_json::from_str(r#"{ "service": "llama", "port": "http", "models": ["small"] }"#)?;
/// assert_eq!((&*config.scheme, &*config.path), ("http", "/v1"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct KubernetesNodesConfig {
    /// The name of the service.
    pub service: String,
    /// Its namespace; that of this pod unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name of the port; the first one unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// How a pod is called: `http`, `https`, or another scheme for which the mesh has an adapter.
    pub scheme: String,
    /// What stands behind address and port in the URL of a node.
    pub path: String,
    /// The models that each pod serves; none means any.
    pub models: Vec<ModelName>,
    /// The key that the pods want. It is read and never written.
    #[serde(skip_serializing)]
    pub key: Option<Secret<String>>,
    /// The URL of the API server; where this pod's environment says it is unless set. The token goes over `https` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The file with the token of this pod's account, read for each request, as it changes.
    pub token_file: PathBuf,
    /// The PEM file with the authorities that the API server's certificate is from.
    pub ca_file: PathBuf,
}

impl Default for KubernetesNodesConfig {
    fn default() -> Self {
        Self {
            service: String::new(),
            namespace: None,
            port: None,
            scheme: "http".to_owned(),
            path: "/v1".to_owned(),
            models: Vec::new(),
            key: None,
            api: None,
            token_file: PathBuf::from(ACCOUNT).join("token"),
            ca_file: PathBuf::from(ACCOUNT).join("ca.crt"),
        }
    }
}

impl KubernetesNodesConfig {
    /// Creates the settings for a service in the namespace of this pod.
    pub fn new(service: impl Into<String>) -> Self {
        Self { service: service.into(), ..Self::default() }
    }

    /// Builds the source. It never ends, and asks nobody before it is polled.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when the service or the namespace is no name, the API server's URL is none, or the
    /// certificates of its authorities cannot be read; here, and not with the first item.
    ///
    /// Its items are errors while nothing can be known, one for each reason; the nodes stay:
    ///
    /// - [`Code::NodesRefused`] when the account may not list and watch the endpoint slices.
    /// - [`Code::NodesUnreachable`] when the API server does not answer, or says that it cannot.
    /// - [`Code::NodesMalformed`] when what it says is none of its answers.
    pub fn build(&self) -> Result<impl NodeSource<NodeConfig> + use<>> {
        let namespace = match &self.namespace {
            Some(namespace) => namespace.clone(),
            None => {
                let file = self.token_file.with_file_name("namespace");
                let read = std::fs::read_to_string(&file);
                read.map_err(|err| {
                    invalid("namespace", "the namespace of this pod cannot be read").with_source(err)
                })?
            }
        };
        let namespace = name("namespace", namespace.trim())?;
        let service = name("service", &self.service)?;
        let template = Template {
            port: self.port.clone(),
            scheme: self.scheme.clone(),
            path: self.path.clone(),
            models: self.models.clone(),
            key: self.key.clone(),
        };
        let path = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D{service}"
        );
        Ok(watch::watch(Cluster::of(self)?, path, template))
    }
}

/// Checks a name as Kubernetes takes it: RFC 1123, a label.
fn name(field: &'static str, name: &str) -> Result<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=63).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(name.to_owned());
    }
    Err(invalid(field, "this is no name in Kubernetes"))
}

pub(crate) fn invalid(field: &'static str, message: &'static str) -> Error {
    Error::new(Code::ConfigInvalid, message)
        .with_operation("nodes_kubernetes::build")
        .with_context("field", Public(field))
}

const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_used_are_refused_at_once() {
        type Change = fn(&mut KubernetesNodesConfig);
        let of = |change: Change| {
            let mut config = KubernetesNodesConfig::new("llama");
            config.namespace = Some("mail".to_owned());
            config.api = Some("http://127.0.0.1:8001".to_owned());
            change(&mut config);
            config.build().map(drop).map_err(|err| err.code())
        };

        assert_eq!(of(|_| {}), Ok(()));
        let wrong: [Change; 7] = [
            |config| config.service.clear(),
            |config| config.service = "a".repeat(64),
            |config| config.service = "a&watch".to_owned(),
            |config| config.namespace = Some("../x".to_owned()),
            |config| config.namespace = None,
            |config| config.api = Some("ftp://127.0.0.1".to_owned()),
            |config| config.api = Some("https://127.0.0.1:6443".to_owned()),
        ];
        for change in wrong {
            assert_eq!(of(change), Err(Code::ConfigInvalid));
        }
        assert_eq!(of(|config| config.service = "a".repeat(63)), Ok(()));
    }

    #[test]
    fn key_is_not_written() {
        let mut config = KubernetesNodesConfig::new("llama");
        config.key = Some(Secret::new("sk-1".to_owned()));

        assert!(!serde_json::to_string(&config).unwrap().contains("sk-1"));
        assert!(!format!("{config:?}").contains("sk-1"));
    }
}
