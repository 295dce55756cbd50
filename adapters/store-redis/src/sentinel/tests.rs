use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{advance, pause, resume};

use super::*;

const LONG: Duration = Duration::from_secs(3_600);

/// Answers as a sentinel does that knows a master of this epoch at port 7.
async fn play(mut stream: TcpStream, epoch: Arc<AtomicU64>) {
    let mut words = [0; 4096];
    loop {
        let read = stream.read(&mut words).await.unwrap_or_default();
        let said = String::from_utf8_lossy(&words[..read]).into_owned();
        let epoch = epoch.load(Ordering::SeqCst).to_string();
        let length = epoch.len();
        let answer = match () {
            () if read == 0 => return,
            () if said.contains("HELLO") => "%1\r\n$5\r\nproto\r\n:3\r\n".to_owned(),
            () if said.contains("SUBSCRIBE") => {
                ">3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n".to_owned()
            }
            () => format!(
                "*8\r\n$2\r\nip\r\n$7\r\n1.2.3.4\r\n$4\r\nport\r\n$1\r\n7\r\n$5\r\nflags\r\n$6\r\nmaster\r\n\
                 $12\r\nconfig-epoch\r\n${length}\r\n{epoch}\r\n"
            ),
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn sentinels_that_were_set_up_anew_are_believed_after_half_a_minute() {
    let epoch = Arc::new(AtomicU64::new(4));
    let mut addresses = Vec::new();
    for _ in 0..3 {
        let sentinel = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(Address { host: "127.0.0.1".into(), port: sentinel.local_addr().unwrap().port() });
        let epoch = Arc::clone(&epoch);
        tokio::spawn(async move {
            while let Ok((stream, _)) = sentinel.accept().await {
                tokio::spawn(play(stream, Arc::clone(&epoch)));
            }
        });
    }
    let connect =
        Connect { user: None, password: None, database: 0, name: "test".into(), tls: None, timeout: LONG };
    let sentinels = Sentinels::new("main".into(), addresses, connect, LONG);
    let master = Hello { role: "master".into(), ..Hello::default() };
    let target = sentinels.resolve().await.unwrap();
    sentinels.accept(&target, &master).unwrap();
    assert_eq!(target.epoch, 4);

    // It was well for an hour, and nobody asked.
    pause();
    advance(Duration::from_secs(3600)).await;
    resume();
    epoch.store(0, Ordering::SeqCst);
    let soon = loop {
        // While nobody is connected, nobody names another one.
        match sentinels.resolve().await {
            Ok(known) => assert_eq!(known, target),
            Err(err) => break err,
        }
    };
    pause();
    advance(Duration::from_secs(31)).await;
    resume();
    let later = sentinels.resolve().await.unwrap();

    assert_eq!(soon.code(), Code::RedisNoMaster);
    assert_eq!(later, Target { epoch: 0, ..target });
    sentinels.accept(&later, &master).unwrap();
}
