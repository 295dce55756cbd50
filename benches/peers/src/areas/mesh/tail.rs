//! One slow node of four: how long the slowest prompts wait for their first token, beside a fleet of equal nodes.
//!
//! Both fleets have a gateway of their own and the same prompts, at the same moments, so that what else the machine does
//! hits both. A prompt is sent when it is due, however late the others are, and its time runs from then.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{join, join_all};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::sleep_until;

use super::gateway::{Gateway, free_address};
use super::load::KEY;
use super::machine::Machine;
use super::peers::{OURS, Setting};
use super::{Bench, line};
use crate::component;
use crate::random::Random;

/// Asks both fleets for `rounds` times twenty seconds, and prints the figure with its bar.
pub(super) fn run(bench: &Bench, rounds: usize) {
    let equal = Machine::start_all([SPEED; 4]);
    let uneven = Machine::start_all([SPEED, SPEED, SPEED, SPEED / 10.0]);
    let started = start(bench, &equal).and_then(|first| Ok((first, start(bench, &uneven)?)));
    let (healthy, slow) = match started {
        Ok(started) => started,
        Err(why) => return component::left_out("mesh", WHAT, &why),
    };
    let prompts = prompts(ROUND * rounds.max(1) as u32);
    let [healthy, slow] = bench.runtime.block_on(async {
        let both = join(ask(healthy.address, &prompts), ask(slow.address, &prompts)).await;
        [both.0, both.1]
    });
    println!(
        "\n{} prompts to four nodes{:>22}{:>10}{:>10}  asked of each node",
        prompts.len(),
        "p50 ms",
        "p99 ms",
        "failed"
    );
    for (name, seen, machines) in
        [("four equal nodes", &healthy, &equal), ("one ten times slower", &slow, &uneven)]
    {
        let asked = machines.each_ref().map(Machine::asked);
        println!("{name:<38}{:>10.1}{:>10.1}{:>10}  {asked:?}", seen.ms(0.5), seen.ms(0.99), seen.failed);
    }
    let (ours, theirs) = (slow.ms(0.99), healthy.ms(0.99));
    line(WHAT, "ms", Some(ours), Some(theirs), "ours, four equal nodes", Some(MOST * theirs));
}

/// Starts our gateway in front of four machines.
fn start(bench: &Bench, machines: &[Machine; 4]) -> Result<Gateway, String> {
    let listen = free_address();
    let setting = Setting { listen, node: machines[0].address, folder: &bench.folder };
    let mut command = OURS.command(&setting)?;
    for (name, machine) in ["second", "third", "fourth"].iter().zip(&machines[1..]) {
        command.args(["--node", &format!("{name}=http://{}/v1", machine.address)]);
    }
    Gateway::start(&bench.runtime, &mut command, listen)
}

/// What the clients of one fleet saw.
struct Seen {
    /// Sorted.
    ms: Vec<f64>,
    failed: usize,
}

impl Seen {
    fn ms(&self, part: f64) -> f64 {
        let last = self.ms.len().saturating_sub(1) as f64;
        self.ms.get((last * part).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

/// Sends every prompt when it is due.
async fn ask(address: SocketAddr, prompts: &[(Duration, String)]) -> Seen {
    let start = Instant::now();
    let times = join_all(prompts.iter().map(|(due, prompt)| async move {
        let due = start + *due;
        sleep_until(due.into()).await;
        first_token(address, prompt.clone(), due).await
    }));
    let times = times.await;
    let mut ms: Vec<f64> = times.iter().flatten().map(|took| took.as_secs_f64() * 1e3).collect();
    ms.sort_by(f64::total_cmp);
    Seen { failed: times.len() - ms.len(), ms }
}

/// How long after `due` the first token was there. `None` is an answer that is not whole.
async fn first_token(address: SocketAddr, prompt: String, due: Instant) -> Option<Duration> {
    let socket = TcpStream::connect(address).await.ok()?;
    socket.set_nodelay(true).ok()?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(socket)).await.ok()?;
    let driver = tokio::spawn(driver);
    let request = Request::post("/v1/chat/completions")
        .header("host", address.to_string())
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {KEY}"))
        .body(Full::<Bytes>::from(prompt))
        .ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let ok = answer.status() == StatusCode::OK;
    let (mut body, mut text, mut took) = (answer.into_body(), Vec::new(), None);
    while let Some(frame) = body.frame().await {
        text.extend_from_slice(frame.ok()?.data_ref()?);
        if took.is_none() && text.windows(TOKEN.len()).any(|window| window == TOKEN) {
            took = Some(due.elapsed());
        }
    }
    driver.abort();
    took.filter(|_| ok && text.ends_with(b"data: [DONE]\n\n"))
}

/// Prompts of 200 to 1000 tokens that have nothing in common, and when each is due.
fn prompts(time: Duration) -> Vec<(Duration, String)> {
    let mut random = Random(SEED);
    let (mut due, mut all) = (0.0, Vec::new());
    loop {
        due += -(1.0 - random.uniform()).ln() / PER_SECOND;
        if due > time.as_secs_f64() {
            return all;
        }
        let words = 100 + (random.uniform() * 400.0) as usize;
        let text: String = (0..words).map(|_| format!("{:07x} ", random.next() & 0x0fff_ffff)).collect();
        let prompt =
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}],"stream":true}}"#);
        all.push((Duration::from_secs_f64(due), prompt));
    }
}

const WHAT: &str = "p99 to the first token, one slow node of four";
/// Tokens that a machine reads in a second: a prompt takes it 25 to 125 ms.
const SPEED: f64 = 8000.0;
const PER_SECOND: f64 = 16.0;
const ROUND: Duration = Duration::from_secs(20);
/// The tail may be so many times that of the healthy fleet.
const MOST: f64 = 1.5;
const SEED: u64 = 16;
const TOKEN: &[u8] = b"Spring";
