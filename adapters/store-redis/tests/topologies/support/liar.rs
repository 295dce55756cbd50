//! Servers that do not say the truth.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// A sentinel that names a server of its own choice.
pub(crate) async fn liar(port: u16, epoch: u64) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let port = port.to_string();
    let epoch = epoch.to_string();
    let fields = ["ip", "127.0.0.1", "port", &port, "flags", "master", "config-epoch", &epoch];
    let master: String = fields.iter().map(|field| format!("${}\r\n{field}\r\n", field.len())).collect();
    let master = format!("%4\r\n{master}");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let master = master.clone();
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let answer = match line.as_str() {
                        "HELLO" => "%1\r\n$4\r\nrole\r\n$8\r\nsentinel\r\n",
                        "SUBSCRIBE" => ">3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n",
                        "SENTINEL" => &master,
                        "PING" => "+PONG\r\n",
                        _ => continue,
                    };
                    write.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}
