//! A master with two replicas, and three sentinels that choose another master when it fails.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use maily_redis::Reply;

use super::product::Product;
use super::server::Server;
use super::tls::Tls;
use super::until;

/// Three servers of which one is the master, and the three sentinels that watch them.
#[derive(Debug)]
pub struct Sentinels {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
}

impl Sentinels {
    /// The name under which the sentinels know the master.
    pub const MASTER_NAME: &str = "maily";

    /// Starts the oldest product with sentinels that wait one second before they call a master down.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_on(Product::Redis7, Duration::from_secs(1))
    }

    /// Starts three servers and three sentinels, and waits until all know each other and every replica is synced.
    ///
    /// `down_after` is how long a master says nothing before a sentinel calls it down.
    #[must_use]
    pub fn start_on(product: Product, down_after: Duration) -> Option<Self> {
        Some(Self::launch(&product.program()?, down_after, None))
    }

    /// The same with servers and sentinels that speak nothing but TLS, to each other too.
    #[must_use]
    pub fn start_tls(product: Product, down_after: Duration, tls: &Tls) -> Option<Self> {
        Some(Self::launch(&product.program_with_tls()?, down_after, Some(tls)))
    }

    fn launch(program: &OsStr, down_after: Duration, tls: Option<&Tls>) -> Self {
        let launch = |settings: &[&str], file| Server::launch(program.to_owned(), settings, file, tls);
        let mut servers = vec![launch(&[], None)];
        let [ip, port] = words(servers[0].address());
        for _ in 0..2 {
            servers.push(launch(&["--replicaof", &ip, &port], None));
        }
        servers[1..].iter().for_each(Server::wait_until_synced);

        let name = Self::MASTER_NAME;
        let settings = format!(
            "sentinel monitor {name} {ip} {port} 2\n\
             sentinel down-after-milliseconds {name} {}\n\
             sentinel failover-timeout {name} 2000\n\
             sentinel parallel-syncs {name} 2\n",
            down_after.as_millis()
        );
        let sentinels = (0..3).map(|_| launch(&[], Some(&settings))).collect();
        let all = Self { servers, sentinels };
        all.sentinels.iter().for_each(hurry);
        all.wait_until_ready();
        all
    }

    /// Returns those that all tests of this process share. Their patience is ten seconds, so that a loaded machine
    /// does not cause a failover.
    #[must_use]
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: OnceLock<Option<Arc<Sentinels>>> = OnceLock::new();
        let start = || Self::start_on(Product::Redis7, Duration::from_secs(10)).map(Arc::new);
        SHARED.get_or_init(start).clone()
    }

    /// Returns the URL: `redis+sentinel://HOST:PORT,HOST:PORT,HOST:PORT/maily`, or `rediss+..`.
    #[must_use]
    pub fn url(&self) -> String {
        let sentinels: Vec<String> = self.sentinels.iter().map(|one| one.address().to_string()).collect();
        format!("{}+sentinel://{}/{}", self.servers[0].scheme(), sentinels.join(","), Self::MASTER_NAME)
    }

    /// Returns the servers: the first one was the first master.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Returns the sentinels.
    #[must_use]
    pub fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// Returns which server is the master in the eyes of most sentinels, and since which failover.
    #[must_use]
    pub fn elected(&self) -> Option<(&Server, u64)> {
        let views: Vec<_> = self.sentinels.iter().filter(|one| one.is_up()).filter_map(view).collect();
        let votes = |view: &View| views.iter().filter(|other| *other == view).count();
        let (address, epoch) = *views.iter().find(|view| votes(view) * 2 > self.sentinels.len())?;
        Some((self.servers.iter().find(|server| server.address() == address)?, epoch))
    }

    /// Returns the master, once most sentinels and the server itself agree that it is.
    #[must_use]
    pub fn master(&self) -> &Server {
        let mut found = None;
        until(
            || {
                found = self.elected().map(|(server, _)| server).filter(|server| is_master(server));
                found.is_some()
            },
            || format!("no master:\n{}", self.sentinels[0].log()),
        );
        found.expect("it was just found")
    }

    /// Cuts every replica off from the master, so that what is written from now on is on the master only.
    ///
    /// The replicas are stopped, and the master closes its side: what is in no socket cannot be read later.
    pub fn cut_replicas(&self) {
        let master = self.master();
        self.replicas(master).for_each(Server::pause);
        master.ask(&["CLIENT", "KILL", "TYPE", "replica"]).expect("the master answers");
    }

    /// Lets stopped replicas go on.
    pub fn resume_replicas(&self) {
        self.servers.iter().filter(|server| server.runs()).for_each(Server::resume);
    }

    /// Kills the master, waits for another one, and returns it. The killed one is down until
    /// [`heal`](Self::heal).
    #[must_use]
    pub fn kill_master(&self) -> &Server {
        let old = self.master();
        old.kill();
        self.wait_for_another(old)
    }

    /// Waits until most sentinels agree on another master than this one.
    #[must_use]
    pub fn wait_for_another(&self, old: &Server) -> &Server {
        let mut found = None;
        until(
            || {
                let elected = self.elected().map(|(server, _)| server);
                found = elected.filter(|server| server.address() != old.address() && is_master(server));
                found.is_some()
            },
            || format!("no failover:\n{}", self.sentinels[0].log()),
        );
        found.expect("it was just found")
    }

    /// Fails over while every replica is cut off, so that what `lost` does on the master is acknowledged and lost.
    #[must_use]
    pub fn fail_over_and_lose(&self, lost: impl FnOnce()) -> &Server {
        let old = self.master();
        self.cut_replicas();
        lost();
        old.kill();
        self.resume_replicas();
        self.wait_for_another(old)
    }

    /// Kills the master, waits for another one, and brings the killed one back as a replica: one whole round.
    #[must_use]
    pub fn fail_over(&self) -> &Server {
        let new = self.kill_master();
        self.heal();
        new
    }

    /// Brings back every server that is down or stopped, as replicas of the master, and waits until all is well.
    pub fn heal(&self) {
        self.sentinels.iter().chain(&self.servers).filter(|server| server.runs()).for_each(Server::resume);
        for sentinel in self.sentinels.iter().filter(|sentinel| !sentinel.runs()) {
            sentinel.restart();
            hurry(sentinel);
        }
        // A server that comes back empty while a failover runs may be the next master.
        let master = self.wait_until_settled();
        let [ip, port] = words(master.address());
        for server in self.replicas(master) {
            if server.runs() {
                server.ask(&["REPLICAOF", &ip, &port]).expect("the replica answers");
            } else {
                server.restart_with(&["--replicaof", &ip, &port]);
            }
        }
        self.wait_until_ready();
    }

    /// Waits until all sentinels agree and no failover runs.
    fn wait_until_settled(&self) -> &Server {
        until(
            || {
                let views: Vec<_> = self.sentinels.iter().map(view).collect();
                let flags = |sentinel| field(&state(sentinel), "flags").unwrap_or_default();
                views.iter().all(|view| view.is_some() && *view == views[0])
                    && self.sentinels.iter().all(|sentinel| flags(sentinel) == "master")
            },
            || format!("the sentinels do not agree:\n{}", self.sentinels[0].log()),
        );
        self.master()
    }

    fn replicas<'a>(&'a self, master: &'a Server) -> impl Iterator<Item = &'a Server> {
        self.servers.iter().filter(|server| server.address() != master.address())
    }

    /// Waits until a failover is possible: replicas synced, and every sentinel sees all others well.
    fn wait_until_ready(&self) {
        let master = self.wait_until_settled();
        self.replicas(master).for_each(Server::wait_until_synced);
        for sentinel in &self.sentinels {
            until(
                || {
                    let state = state(sentinel);
                    let field = |name| field(&state, name).unwrap_or_default();
                    field("num-other-sentinels") == "2"
                        && field("num-slaves") == "2"
                        && others_are_well(sentinel, "REPLICAS")
                        && others_are_well(sentinel, "SENTINELS")
                },
                || format!("the sentinels do not know each other:\n{}", sentinel.log()),
            );
        }
    }
}

/// Lets a sentinel look more often than once a second or, for some things, every ten seconds.
///
/// With a patience of one second a master that was just promoted would be called down before it was looked at, and
/// a second failover would follow the first. When a master counts as down does not change.
fn hurry(sentinel: &Server) {
    let periods = [
        ["info-period", "1000"],
        ["ping-period", "200"],
        ["publish-period", "500"],
        // A sentinel that was stopped does nothing for so long, by default thirty seconds.
        ["tilt-period", "1000"],
    ];
    let words = [&["SENTINEL", "DEBUG"], periods.as_flattened()].concat();
    // It writes its file to the disk first, and a disk that is busy keeps it.
    until(|| sentinel.text(&words) == "OK", || format!("no periods:\n{}", sentinel.log()));
}

/// A sentinel's opinion: where the master is, and since which failover.
type View = (SocketAddr, u64);

fn view(sentinel: &Server) -> Option<View> {
    let state = state(sentinel);
    let address = format!("{}:{}", field(&state, "ip")?, field(&state, "port")?).parse().ok()?;
    Some((address, field(&state, "config-epoch")?.parse().ok()?))
}

fn state(sentinel: &Server) -> Reply {
    sentinel.ask(&["SENTINEL", "MASTER", Sentinels::MASTER_NAME]).unwrap_or(Reply::Nil)
}

fn others_are_well(sentinel: &Server, kind: &str) -> bool {
    let Ok(Reply::List(others)) = sentinel.ask(&["SENTINEL", kind, Sentinels::MASTER_NAME]) else {
        return false;
    };
    others.iter().all(|other| {
        let flags = field(other, "flags").unwrap_or_default();
        let linked =
            kind == "SENTINELS" || field(other, "master-link-status").is_some_and(|link| link == "ok");
        linked && !flags.split(',').any(|flag| ["s_down", "o_down", "disconnected"].contains(&flag))
    })
}

fn is_master(server: &Server) -> bool {
    server.info(&["INFO", "replication"], "role") == "master"
}

/// Returns the value behind a name in a flat list of names and values.
fn field(list: &Reply, name: &str) -> Option<String> {
    let Reply::List(items) = list else { return None };
    let text = |item: &Reply| match item {
        Reply::Data(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    };
    let pair = items.chunks_exact(2).find(|pair| text(&pair[0]).as_deref() == Some(name))?;
    text(&pair[1])
}

fn words(address: SocketAddr) -> [String; 2] {
    [address.ip().to_string(), address.port().to_string()]
}
