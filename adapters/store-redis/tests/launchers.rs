//! The servers that the tests run on do what the tests rely on.
#![cfg(feature = "conformance")]

use std::time::{Duration, Instant};

use maily_redis::Reply;
use maily_store_redis::testing::{Cluster, Fault, Product, Proxy, Sentinels, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn data(text: &'static str) -> Reply {
    Reply::Data(text.into())
}

#[test]
fn server_is_the_product_that_was_asked_for() {
    for (product, name, version) in
        [(Product::Redis7, "redis_version", "7."), (Product::Valkey9, "valkey_version", "9.")]
    {
        let Some(server) = Server::start_on(product) else { continue };

        assert!(server.info(&["INFO", "server"], name).starts_with(version), "{product:?}");
    }
}

#[test]
fn server_comes_back_on_its_port_after_a_kill() {
    let Some(server) = Server::start() else { return };
    server.ask(&["SET", "k", "v"]).unwrap();

    server.kill();
    assert!(server.ask(&["PING"]).is_err());
    server.restart();

    assert_eq!(server.ask(&["GET", "k"]).unwrap(), Reply::Nil);
}

#[test]
fn sentinels_choose_another_master_each_time_and_take_the_old_one_back() {
    let Some(sentinels) = Sentinels::start() else { return };
    let (first, epoch) = sentinels.elected().unwrap();
    assert_eq!(first.address(), sentinels.servers()[0].address());

    for round in 1..=2 {
        let old = sentinels.master().address();
        let start = Instant::now();
        assert_ne!(sentinels.kill_master().address(), old);
        println!("sentinels, round {round}: another master after {:?}", start.elapsed());
        sentinels.heal();
        println!("sentinels, round {round}: healed after {:?}", start.elapsed());
    }
    assert!(sentinels.elected().unwrap().1 >= epoch + 2);
}

#[test]
fn sentinels_lose_what_only_the_old_master_had() {
    let Some(sentinels) = Sentinels::start() else { return };
    let old = sentinels.master();
    old.ask(&["SET", "kept", "v"]).unwrap();
    let kept = || sentinels.servers().iter().all(|server| server.text(&["GET", "kept"]) == "v");
    while !kept() {}

    let new =
        sentinels.fail_over_and_lose(|| assert_eq!(old.ask(&["SET", "lost", "v"]).unwrap(), data("OK")));

    assert_eq!(new.ask(&["GET", "kept"]).unwrap(), data("v"));
    assert_eq!(new.ask(&["GET", "lost"]).unwrap(), Reply::Nil);
}

#[test]
fn cluster_promotes_a_replica_and_takes_the_old_master_back() {
    let Some(cluster) = Cluster::start_on(Product::Redis7, Duration::from_secs(1)) else { return };
    let slot = cluster.slot("k");
    let old = cluster.master_of(slot);
    assert_eq!(cluster.replicas_of(slot).len(), 1);

    let start = Instant::now();
    let new = cluster.fail_over_and_lose(slot, || assert_eq!(old.text(&["SET", "k", "v"]), "OK"));
    println!("cluster: another master after {:?}", start.elapsed());
    assert_eq!(new.ask(&["GET", "k"]).unwrap(), Reply::Nil);
    cluster.heal();
    println!("cluster: healed after {:?}", start.elapsed());

    assert_eq!(cluster.master_of(slot).address(), new.address());
    assert_eq!(cluster.replicas_of(slot)[0].address(), old.address());
}

#[test]
fn cluster_moves_a_slot_with_its_keys() {
    let Some(cluster) = Cluster::start_on(Product::Valkey9, Duration::from_secs(5)) else { return };
    let slot = cluster.slot("{tag}");
    let from = cluster.master_of(slot);
    let to = cluster.nodes()[..3].iter().find(|node| node.address() != from.address()).unwrap();
    for number in 0..10 {
        from.ask(&["SET", &format!("{{tag}}{number}"), "v"]).unwrap();
    }

    cluster.move_slot(slot, to, || ());

    assert_eq!(cluster.master_of(slot).address(), to.address());
    assert!((0..10).all(|number| to.text(&["GET", &format!("{{tag}}{number}")]) == "v"));
}

#[tokio::test]
async fn proxy_carries_swallows_and_cuts() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::start(server.address()).await;
    let ping = async |stream: &mut TcpStream| -> std::io::Result<String> {
        let mut pong = [0; 7];
        stream.write_all(b"PING\r\n").await?;
        let read = tokio::time::timeout(Duration::from_millis(300), stream.read_exact(&mut pong)).await;
        read.map_err(|_| std::io::ErrorKind::TimedOut)??;
        Ok(String::from_utf8_lossy(&pong).into_owned())
    };
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ping(&mut stream).await.unwrap(), "+PONG\r\n");

    for fault in [Fault::Chunks(1), Fault::Latency(Duration::from_millis(20))] {
        proxy.set(fault);
        assert_eq!(ping(&mut stream).await.unwrap(), "+PONG\r\n", "{fault:?}");
    }
    proxy.set(Fault::Silence);
    assert_eq!(ping(&mut stream).await.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    proxy.set(Fault::None);
    assert_eq!(ping(&mut stream).await.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    proxy.cut();
    assert_eq!(ping(&mut stream).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ping(&mut stream).await.unwrap(), "+PONG\r\n");
    proxy.set(Fault::Reset);
    assert!(ping(&mut stream).await.is_err());
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ping(&mut stream).await.is_err());
}
