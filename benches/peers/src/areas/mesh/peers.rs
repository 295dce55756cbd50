//! Who takes part, and with which settings: each as its makers advise for a hop that streams.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::gateway::free_address;
use super::load::KEY;
use crate::component;

/// A gateway that may take part.
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// Whether it knows what a prompt is; the others pass HTTP on.
    pub(super) for_ai: bool,
    /// The variable that says where it is.
    variable: &'static str,
    command: fn(&Path, &Setting<'_>) -> Result<Command, String>,
}

/// Where a gateway listens, which node it asks, and a folder for its files.
pub(super) struct Setting<'a> {
    pub(super) listen: SocketAddr,
    pub(super) node: SocketAddr,
    pub(super) folder: &'a Path,
}

impl Setting<'_> {
    fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.folder.join(format!("{}-{name}", self.listen.port()));
        fs::write(&path, text).map_err(|err| format!("{}: {err}", path.display()))?;
        Ok(path)
    }
}

impl Peer {
    /// Returns the command, or why there is none.
    pub(super) fn command(&self, setting: &Setting<'_>) -> Result<Command, String> {
        (self.command)(&component::find(self.variable)?, setting)
    }
}

/// Ours, with every layer that a prompt can meet; the key is checked too.
pub(super) const OURS: Peer =
    Peer { name: "ours", for_ai: true, variable: "MAILY_PEERS_GATEWAY", command: ours };

pub(super) const PEERS: [Peer; 6] = [
    // The choice costs something only where there is one.
    Peer { name: "ours, four nodes", for_ai: false, variable: "MAILY_PEERS_GATEWAY", command: four },
    Peer { name: "nginx", for_ai: false, variable: "MAILY_PEERS_NGINX", command: nginx },
    Peer { name: "haproxy", for_ai: false, variable: "MAILY_PEERS_HAPROXY", command: haproxy },
    Peer { name: "envoy 1.40", for_ai: false, variable: "MAILY_PEERS_ENVOY", command: envoy },
    Peer { name: "vllm-router 0.1.17", for_ai: true, variable: "MAILY_PEERS_ROUTERS", command: vllm },
    Peer { name: "sglang-router 0.3.2", for_ai: true, variable: "MAILY_PEERS_ROUTERS", command: sglang },
];

fn ours(binary: &Path, setting: &Setting<'_>) -> Result<Command, String> {
    let mut command = Command::new(binary);
    command.args(["serve", "mesh", "--listen", &setting.listen.to_string()]);
    command.args(["--node", &format!("mock=http://{}/v1", setting.node), "--data"]).arg(setting.folder);
    command.env("MAILY__SERVER__KEYS", format!("[\"{KEY}\"]"));
    Ok(command)
}

fn four(binary: &Path, setting: &Setting<'_>) -> Result<Command, String> {
    let mut command = ours(binary, setting)?;
    for name in ["second", "third", "fourth"] {
        command.args(["--node", &format!("{name}=http://{}/v1", setting.node)]);
    }
    Ok(command)
}

fn nginx(binary: &Path, setting: &Setting<'_>) -> Result<Command, String> {
    let Setting { listen, node, folder } = setting;
    let folder = folder.display();
    // Bodies over 16 KB would go through files, and an answer through a buffer.
    let text = format!(
        "worker_processes 2; daemon off; pid {folder}/nginx-{port}.pid; error_log {folder}/nginx.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; client_body_buffer_size 1m; client_max_body_size 64m;\n\
         keepalive_requests 1000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
         fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
         upstream node {{ server {node}; keepalive 128; keepalive_requests 1000000; }}\n\
         server {{ listen {listen}; location / {{ proxy_pass http://node; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; proxy_buffering off; }} }} }}\n",
        port = listen.port(),
    );
    let mut command = Command::new(binary);
    command.arg("-c").arg(setting.write("nginx.conf", &text)?);
    Ok(command)
}

fn haproxy(binary: &Path, setting: &Setting<'_>) -> Result<Command, String> {
    let Setting { listen, node, .. } = setting;
    // Without `http-no-delay` it corks a stream.
    let text = format!(
        "global\n  nbthread 2\n  maxconn 4096\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         \x20 option http-keep-alive\n  option http-no-delay\n\
         frontend front\n  bind {listen}\n  default_backend back\n\
         backend back\n  http-reuse always\n  server node {node}\n"
    );
    let mut command = Command::new(binary);
    command.arg("-db").arg("-f").arg(setting.write("haproxy.cfg", &text)?);
    Ok(command)
}

fn envoy(binary: &Path, setting: &Setting<'_>) -> Result<Command, String> {
    let address = |address: &SocketAddr| {
        format!("{{socket_address: {{address: {}, port_value: {}}}}}", address.ip(), address.port())
    };
    let (listen, node) = (address(&setting.listen), address(&setting.node));
    let types = "type.googleapis.com/envoy.extensions.filters";
    let text = format!(
        r#"static_resources:
  listeners:
  - name: front
    address: {listen}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {types}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          codec_type: AUTO
          route_config: {{name: all, virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: "/"}}, route: {{cluster: node, timeout: 60s}}}}]}}]}}
          http_filters: [{{name: envoy.filters.http.router, typed_config: {{"@type": {types}.http.router.v3.Router}}}}]
  clusters:
  - name: node
    type: STATIC
    connect_timeout: 5s
    lb_policy: LEAST_REQUEST
    load_assignment: {{cluster_name: node, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {node}}}}}]}}]}}
"#
    );
    let mut command = Command::new(binary);
    command.arg("-c").arg(setting.write("envoy.yaml", &text)?);
    command.args(["--concurrency", "2", "-l", "error", "--use-dynamic-base-id"]);
    Ok(command)
}

fn vllm(python: &Path, setting: &Setting<'_>) -> Result<Command, String> {
    Ok(router(Command::new(python.with_file_name("vllm-router")), setting))
}

fn sglang(python: &Path, setting: &Setting<'_>) -> Result<Command, String> {
    let mut command = Command::new(python);
    command.args(["-m", "sglang_router.launch_router"]);
    Ok(router(command, setting))
}

/// What the two routers have in common, one being a fork of the other.
fn router(mut command: Command, setting: &Setting<'_>) -> Command {
    let Setting { listen, node, .. } = setting;
    command.args(["--host", &listen.ip().to_string(), "--port", &listen.port().to_string()]);
    command.args(["--worker-urls", &format!("http://{node}"), "--policy", "round_robin"]);
    let metrics = free_address();
    command.args(["--prometheus-host", "127.0.0.1", "--prometheus-port", &metrics.port().to_string()]);
    command.args(["--log-level", "error"]);
    command
}
