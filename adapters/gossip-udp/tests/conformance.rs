//! Two instances on real sockets keep every rule of the `gossip` port.
#![expect(clippy::unwrap_used, reason = "a test")]

use maily_gossip_udp::GossipUdp;
use maily_mesh::membership::GossipConfig;

async fn pair() -> [GossipUdp; 2] {
    let config = GossipConfig::on_loopback("a5".repeat(32));
    let east = GossipUdp::bind(&config).await.unwrap();
    let west = GossipUdp::bind(&config.with_seed(&east.address())).await.unwrap();
    [east, west]
}

maily_mesh::conformance!(gossip, pair().await);
