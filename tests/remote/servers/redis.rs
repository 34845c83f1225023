//! Redis: plain, TLS and a unix socket at once, with users.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::certificates::Certificates;
use super::process::Process;
use crate::resp::{Reply, Resp};
use crate::wire::Endpoint;

/// What must be here.
const NEEDS: &[&str] = &["redis-server", "openssl"];

/// May do everything: name and password.
pub const ADMIN: [&str; 2] = ["admin", "admin-secret"];
/// May read everything and write nothing.
pub const READER: [&str; 2] = ["reader", "reader-secret"];
/// May do everything with keys that begin with `cache:`, and nothing with others.
pub const CONFINED: [&str; 2] = ["confined", "confined-secret"];
/// The password of the user `default` where there is one.
pub const PASSWORD: &str = "a default secret";

/// Ports of a server.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub plain: u16,
    pub tls: u16,
    /// Between the nodes of a cluster, if it is one's.
    pub bus: Option<u16>,
}

/// A running server.
pub struct Redis {
    process: Process,
    ports: Ports,
    certificates: Certificates,
}

impl Redis {
    /// The server that all tests of this process share; it lets everybody in.
    /// `None`, said loudly: it is not installed.
    pub fn shared() -> Option<&'static Redis> {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        present().then(|| SHARED.get_or_init(|| Redis::run("")))
    }

    /// Another shared server, which wants [`PASSWORD`] or a user's.
    pub fn guarded() -> Option<&'static Redis> {
        static GUARDED: OnceLock<Redis> = OnceLock::new();
        present()
            .then(|| GUARDED.get_or_init(|| Redis::run(&format!("requirepass \"{PASSWORD}\""))))
    }

    /// A server for one test with more lines of configuration, as
    /// `maxmemory 2mb`. `None` as for [`Redis::shared`].
    pub fn start(more: &str) -> Option<Redis> {
        present().then(|| Redis::run(more))
    }

    fn run(more: &str) -> Redis {
        super::start(|| {
            let [plain, tls] = super::free_ports();
            let bus = None;
            Redis::attempt(Ports { plain, tls, bus }, more)
        })
    }

    /// Tries to start a server on these ports. `Err`: its log.
    pub fn attempt(ports: Ports, more: &str) -> Result<Redis, String> {
        let directory = super::directory();
        let path = directory.path().to_owned();
        let certificates = Certificates::make(&path);
        let configuration = path.join("redis.conf");
        fs::write(&configuration, text(&path, ports, &certificates, more)).unwrap();
        let program = super::program("redis-server").expect("looked for before");
        let process = Process::start(directory, &program, [&configuration], &[]);
        let mut redis = Redis {
            process,
            ports,
            certificates,
        };
        let endpoint = redis.endpoint();
        super::wait_ready(&mut redis.process, || {
            // Its directory tells it from another that had the port before.
            let directory = Resp::connect(&endpoint).and_then(|mut resp| {
                resp.call(&["AUTH", ADMIN[0], ADMIN[1]])?;
                resp.call(&["CONFIG", "GET", "dir"])
            });
            let own = Reply::Bytes(path.as_os_str().as_encoded_bytes().to_owned());
            directory.is_ok_and(|reply| matches!(reply, Reply::List(list) if list.contains(&own)))
        })?;
        Ok(redis)
    }

    /// The plain port.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::port(self.ports.plain)
    }

    /// The port that speaks TLS.
    pub fn tls_endpoint(&self) -> Endpoint {
        Endpoint::tls(self.ports.tls, &self.certificates.authority)
    }

    /// The unix socket.
    pub fn socket(&self) -> PathBuf {
        self.process.directory().join("redis.sock")
    }

    /// Number of the plain port.
    pub fn port(&self) -> u16 {
        self.ports.plain
    }

    /// Number of the port that speaks TLS.
    pub fn tls_port(&self) -> u16 {
        self.ports.tls
    }

    /// The server's certificate and its authority.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// A connection as administrator.
    pub fn admin(&self) -> Resp {
        let mut resp = Resp::connect(&self.endpoint()).unwrap();
        let reply = resp.call(&["AUTH", ADMIN[0], ADMIN[1]]).unwrap();
        assert!(reply.is_ok(), "{reply:?}");
        resp
    }

    /// The process: its log, and what a test may do to it.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

pub(super) fn present() -> bool {
    super::present(NEEDS)
}

fn text(
    directory: &std::path::Path,
    ports: Ports,
    certificates: &Certificates,
    more: &str,
) -> String {
    let directory = directory.display();
    let mut text = format!(
        "\
bind 127.0.0.1
port {plain}
tls-port {tls}
tls-cert-file {certificate}
tls-key-file {key}
tls-ca-cert-file {authority}
tls-auth-clients no
unixsocket {directory}/redis.sock
unixsocketperm 700
dir {directory}
daemonize no
save \"\"
user {} on >{} ~* &* +@all
user {} on >{} ~* &* +@read +@connection +info
user {} on >{} ~cache:* &* +@all
",
        ADMIN[0],
        ADMIN[1],
        READER[0],
        READER[1],
        CONFINED[0],
        CONFINED[1],
        plain = ports.plain,
        tls = ports.tls,
        certificate = certificates.certificate.display(),
        key = certificates.key.display(),
        authority = certificates.authority.display(),
    );
    if let Some(bus) = ports.bus {
        let _ = write!(
            text,
            "cluster-enabled yes\ncluster-port {bus}\ncluster-config-file nodes.conf\n\
             cluster-node-timeout 5000\n"
        );
    }
    text + more + "\n"
}
