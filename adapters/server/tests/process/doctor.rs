//! `maily doctor` on Redis and Valkey servers that are well, and on some that are not.

use maily_embed_ort::EmbedOrtConfig;
use maily_store_redis::testing::{Cluster, Product, Sentinels, Server, Tls, free_port};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::command;

/// What doctor said of a server.
struct Said {
    exit: i32,
    text: String,
}

impl Said {
    /// Asserts that what was looked at has this mark, and that what is said of it has these words.
    fn assert(&self, mark: &str, what: &str, words: &str) {
        let mut lines = self.text.lines();
        let begin = format!("{mark:<7}  {what:<20}  ");
        let line = lines.find(|line| line.starts_with(&begin));
        let line = line.unwrap_or_else(|| panic!("no `{begin}` in\n{}", self.text));
        let fix = lines.next().filter(|next| next.starts_with(' ')).unwrap_or_default();
        assert!(format!("{line} {fix}").contains(words), "no `{words}` in\n{}", self.text);
    }
}

async fn doctor(url: &str, more: &[(&str, &str)]) -> Said {
    let data = tempfile::tempdir().unwrap();
    let mut command = command(&["doctor", "--data"]);
    command.arg(data.path()).env("MAILY__REDIS__URL", url);
    // Two cores may have much else to do.
    command.env("MAILY__REDIS__TIMEOUT_MS", "10000").envs(more.iter().copied());
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Said { exit: output.status.code().unwrap_or(-1), text }
}

#[tokio::test]
async fn server_that_is_well_is_described() {
    for (product, name) in [(Product::Redis7, "Redis 7."), (Product::Valkey9, "Valkey 9.")] {
        let settings = ["--maxmemory", "64mb", "--maxmemory-policy", "noeviction", "--appendonly", "yes"];
        let Some(server) = Server::start_with(product, &settings) else { continue };

        let said = doctor(&server.url(), &[]).await;

        assert_eq!(said.exit, 0, "{}", said.text);
        said.assert("ok", "redis.url", "answers, after");
        said.assert("ok", "redis writes", "scripts");
        said.assert("ok", "redis version", name);
        said.assert("ok", "redis memory", "67 MB, noeviction");
        said.assert("ok", "redis persistence", "appendonly yes");
        assert_eq!(server.ask(&["DBSIZE"]).unwrap(), maily_redis::Reply::Integer(0), "the probe stays");
    }
}

#[tokio::test]
async fn embedder_that_is_cut_off_is_not_there_for_the_doctor() {
    let cache = tempfile::tempdir().unwrap();
    let settings = [("MAILY__SERVER__CACHE", cache.path().to_str().unwrap())];

    doctor("", &settings).await.assert("missing", "embedder", "embedder-missing");
    for file in [EmbedOrtConfig::LIBRARY_FILE, EmbedOrtConfig::MODEL_FILE, EmbedOrtConfig::TOKENIZER_FILE] {
        std::fs::write(cache.path().join(file), "half of it").unwrap();
    }
    let said = doctor("", &settings).await;

    assert_eq!(said.exit, 1, "{}", said.text);
    said.assert("wrong", "embedder", "model-broken");
}

#[tokio::test]
async fn sentinels_and_clusters_are_looked_through() {
    if let Some(sentinels) = Sentinels::shared() {
        let said = doctor(&sentinels.url(), &[]).await;
        assert_eq!(said.exit, 0, "{}", said.text);
        said.assert("ok", "redis writes", "takes writes");

        let said = doctor(&sentinels.sentinels()[0].url(), &[]).await;
        assert_eq!(said.exit, 1, "{}", said.text);
        said.assert("wrong", "redis writes", "this is a sentinel: write `redis+sentinel://");
    }
    if let Some(cluster) = Cluster::shared() {
        let said = doctor(&cluster.url(), &[]).await;
        assert_eq!(said.exit, 0, "{}", said.text);
        said.assert("ok", "redis cluster", "16384 of 16384 slots");
        said.assert("risk", "redis failover", "within 31.1 s (cluster-node-timeout 15.0 s)");
        said.assert("risk", "redis failover", "cluster-node-timeout 900");
    }
}

#[tokio::test]
async fn node_of_a_cluster_is_no_server_by_itself() {
    // Unless set it is 10,000 above the other one, where something else may listen.
    let bus = free_port().to_string();
    let settings = ["--cluster-enabled", "yes", "--cluster-port", &bus];
    let Some(node) = Server::start_with(Product::Redis7, &settings) else { return };

    let alone = doctor(&node.url(), &[]).await;
    assert_eq!(alone.exit, 1, "{}", alone.text);
    alone.assert("wrong", "redis writes", "this is a node of a cluster: write `redis+cluster://");
}

#[tokio::test]
async fn server_that_is_not_there_is_said() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", free.local_addr().unwrap());
    drop(free);

    let said = doctor(&url, &[]).await;

    assert_eq!(said.exit, 1, "{}", said.text);
    said.assert("wrong", "redis.url", "redis-unreachable");
    said.assert("wrong", "redis.url", "MAILY__REDIS__URL");
    assert!(!said.text.contains("redis writes"), "{}", said.text);
}

#[tokio::test]
async fn wrong_password_is_said_and_not_printed() {
    let Some(server) = Server::start() else { return };
    server.ask(&["CONFIG", "SET", "requirepass", "hunter2"]).unwrap();
    let address = server.address();

    for password in ["", ":wrong2@"] {
        let said = doctor(&format!("redis://{password}{address}"), &[]).await;

        assert_eq!(said.exit, 1, "{}", said.text);
        said.assert("wrong", "redis.url", "redis-password-refused");
        said.assert("wrong", "redis.url", "redis://:PASSWORD@HOST:PORT");
        assert!(!said.text.contains("wrong2"), "{}", said.text);
    }
    let said = doctor(&format!("redis://:hunter2@{address}"), &[]).await;
    assert_eq!((said.exit, said.text.contains("hunter2")), (0, false), "{}", said.text);
}

#[tokio::test]
async fn user_who_may_not_write_is_said_and_one_who_may_not_ask_is_served() {
    let Some(server) = Server::start() else { return };
    let address = server.address();
    server.ask(&["ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@read", "+@connection"]).unwrap();
    server.ask(&["ACL", "SETUSER", "writer", "on", ">secret", "~*", "+@all", "-info"]).unwrap();

    let reader = doctor(&format!("redis://reader:secret@{address}"), &[]).await;
    assert_eq!(reader.exit, 1, "{}", reader.text);
    reader.assert("wrong", "redis writes", "redis-password-refused");

    let writer = doctor(&format!("redis://writer:secret@{address}"), &[]).await;
    assert_eq!(writer.exit, 0, "{}", writer.text);
    writer.assert("ok", "redis writes", "takes writes");
}

#[tokio::test]
async fn replica_that_takes_no_writes_is_said() {
    let (Some(master), Some(replica)) = (Server::start(), Server::start()) else { return };
    let port = master.address().port().to_string();
    replica.ask(&["REPLICAOF", "127.0.0.1", &port]).unwrap();

    let said = doctor(&replica.url(), &[]).await;

    assert_eq!(said.exit, 1, "{}", said.text);
    said.assert("ok", "redis.url", "answers");
    said.assert("wrong", "redis writes", "this is a replica");
}

#[tokio::test]
async fn server_that_may_lose_what_was_written_is_a_risk_and_no_failure() {
    let settings = ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"];
    let Some(server) = Server::start_with(Product::Valkey9, &settings) else { return };

    let said = doctor(&server.url(), &[]).await;

    assert_eq!(said.exit, 0, "{}", said.text);
    said.assert("risk", "redis memory", "locks, jobs and counters disappear");
    said.assert("risk", "redis memory", "maxmemory-policy noeviction");
    said.assert("risk", "redis persistence", "appendonly yes");
}

#[tokio::test]
async fn server_that_is_too_old_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let old = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer_as_redis_6(stream));
        }
    });

    let said = doctor(&url, &[]).await;
    old.abort();

    assert_eq!(said.exit, 1, "{}", said.text);
    said.assert("wrong", "redis version", "Redis 6.2.14");
    said.assert("wrong", "redis version", "7.0 or newer");
}

#[tokio::test]
async fn tls_is_looked_through_and_its_lack_is_said() {
    let tls = Tls::new(&["127.0.0.1"]).with_clients_asked();
    let Some(server) = Server::start_tls(Product::Redis7, &tls) else { return };
    let [certificate, key] = tls.client_files();
    let ca = tls.ca_file();
    let files = [
        ("MAILY__REDIS__CA_FILE", ca.as_str()),
        ("MAILY__REDIS__CERT_FILE", certificate.as_str()),
        ("MAILY__REDIS__KEY_FILE", key.as_str()),
    ];

    let said = doctor(&server.url(), &files).await;
    assert_eq!(said.exit, 0, "{}", said.text);
    said.assert("ok", "redis writes", "takes writes");

    for (files, words) in [(&files[..0], "prove"), (&files[..1], "wants a certificate")] {
        let said = doctor(&server.url(), files).await;
        assert_eq!(said.exit, 1, "{}", said.text);
        said.assert("wrong", "redis.url", "redis-certificate-refused");
        said.assert("wrong", "redis.url", words);
    }

    let Some(plain) = Server::start() else { return };
    let said = doctor(&plain.url().replace("redis:", "rediss:"), &[]).await;
    assert_eq!(said.exit, 1, "{}", said.text);
    said.assert("wrong", "redis.url", "does not speak TLS");
}

/// Says just enough of Redis 6.2: it speaks RESP3, and has no streams as they are needed.
async fn answer_as_redis_6(stream: TcpStream) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let info = "# Server\r\nredis_version:6.2.14\r\nredis_mode:standalone\r\nrole:master\r\n";
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.as_str() {
            "HELLO" => "%2\r\n+server\r\n+redis\r\n+role\r\n+master\r\n".to_owned(),
            "PING" => "+PONG\r\n".to_owned(),
            "INFO" => format!("${}\r\n{info}\r\n", info.len()),
            "SET" => "+OK\r\n".to_owned(),
            "EVALSHA" => ":2\r\n".to_owned(),
            "DEL" | "UNLINK" => ":1\r\n".to_owned(),
            _ => continue,
        };
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
