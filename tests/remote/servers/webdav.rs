//! WebDAV by nginx and by apache: the same tree, users and rules.
//!
//! nginx makes parents of what is put and ignores `If-None-Match`; apache answers
//! 409 and 412. What is for one of them need not be for the other.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::access_log::{AccessLog, Logged};
use super::certificates::Certificates;
use super::process::Process;
use super::{apache, nginx};
use crate::http::Http;
use crate::wire::Endpoint;

/// Who may use what is below [`BASIC`].
pub const USER: &str = "someone";
pub const PASSWORD: &str = "a secret: with a colon";
/// The token for what is below [`BEARER`].
pub const TOKEN: &str = "abc.DEF-123";

/// For everybody.
pub const OPEN: &str = "/open";
/// With [`USER`] and [`PASSWORD`], else 401.
pub const BASIC: &str = "/basic";
/// With [`TOKEN`], else 401.
pub const BEARER: &str = "/bearer";
/// For everybody, to read only.
pub const READ_ONLY: &str = "/read-only";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Apache,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Nginx, Kind::Apache];
}

/// What a server's configuration is made of.
pub struct Place {
    pub directory: PathBuf,
    pub port: u16,
    pub tls_port: u16,
    pub certificates: Certificates,
}

impl Place {
    /// The root of what is served.
    pub fn files(&self) -> PathBuf {
        self.directory.join("files")
    }

    /// Names and digests of passwords.
    pub fn users(&self) -> PathBuf {
        self.directory.join("users")
    }

    /// The access log.
    pub fn access_log(&self) -> PathBuf {
        self.directory.join("access.log")
    }
}

/// A running server.
pub struct WebDav {
    process: Process,
    place: Place,
}

impl WebDav {
    /// The server that all tests of this process share. `None`, said loudly: it is
    /// not installed.
    pub fn shared(kind: Kind) -> Option<&'static WebDav> {
        static NGINX: OnceLock<WebDav> = OnceLock::new();
        static APACHE: OnceLock<WebDav> = OnceLock::new();
        if !present(kind) {
            return None;
        }
        let shared = match kind {
            Kind::Nginx => &NGINX,
            Kind::Apache => &APACHE,
        };
        Some(shared.get_or_init(|| WebDav::run(kind)))
    }

    /// A server for one test. `None` as for [`WebDav::shared`].
    pub fn start(kind: Kind) -> Option<WebDav> {
        present(kind).then(|| WebDav::run(kind))
    }

    fn run(kind: Kind) -> WebDav {
        super::start(|| WebDav::attempt(kind, super::free_ports()))
    }

    /// Tries to start a server on these ports, the second for TLS. `Err`: its log.
    pub fn attempt(kind: Kind, ports: [u16; 2]) -> Result<WebDav, String> {
        attempt(kind, ports)
    }

    /// The plain port.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::port(self.place.port)
    }

    /// The port that speaks TLS.
    pub fn tls_endpoint(&self) -> Endpoint {
        Endpoint::tls(self.place.tls_port, &self.place.certificates.authority)
    }

    /// Number of the plain port.
    pub fn port(&self) -> u16 {
        self.place.port
    }

    /// Number of the port that speaks TLS.
    pub fn tls_port(&self) -> u16 {
        self.place.tls_port
    }

    /// The server's certificate and its authority.
    pub fn certificates(&self) -> &Certificates {
        &self.place.certificates
    }

    /// The file that is served as `path`.
    pub fn file(&self, path: &str) -> PathBuf {
        self.place.files().join(path.trim_start_matches('/'))
    }

    /// What has been asked below `path`, without what this type asks itself.
    ///
    /// A line is written after its answer was sent, and by nginx after the end of a
    /// connection that is to be closed: one more request, which is waited for here,
    /// mostly makes sure of the earlier ones, not always and not of their order. A
    /// test waits for the lines that it expects with [`super::eventually`], and
    /// counts by [`crate::proxy::Proxy`] where one too many would be a fault.
    pub fn requests(&self, path: &str) -> Vec<Logged> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let marker = format!("/marker-{number}");
        let log = AccessLog(self.place.access_log());
        Http::new(self.endpoint()).get(&marker);
        let mut lines = Vec::new();
        super::eventually("the marker is in the access log", || {
            lines = log.lines();
            lines.iter().any(|line| line.path == marker)
        });
        lines.retain(|line| line.path.starts_with(path));
        lines
    }

    /// The process: its log, and what a test may do to it.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn present(kind: Kind) -> bool {
    super::present(match kind {
        Kind::Nginx => nginx::NEEDS,
        Kind::Apache => apache::NEEDS,
    })
}

fn attempt(kind: Kind, [port, tls_port]: [u16; 2]) -> Result<WebDav, String> {
    let directory = super::directory();
    let path = directory.path().to_owned();
    let place = Place {
        port,
        tls_port,
        certificates: Certificates::make(&path),
        directory: path,
    };
    for folder in [OPEN, BASIC, BEARER, READ_ONLY] {
        fs::create_dir_all(place.files().join(&folder[1..])).unwrap();
    }
    // What this server alone can answer.
    let identity = place.directory.as_os_str().as_encoded_bytes().to_owned();
    fs::write(place.files().join("identity"), &identity).unwrap();
    fs::write(place.users(), format!("{USER}:{}\n", digest(PASSWORD))).unwrap();
    let configuration = place.directory.join("server.conf");
    let (program, text, arguments) = match kind {
        Kind::Nginx => (
            "nginx",
            nginx::configuration(&place),
            nginx::arguments(&configuration),
        ),
        Kind::Apache => (
            "apache2",
            apache::configuration(&place),
            apache::arguments(&configuration),
        ),
    };
    fs::write(&configuration, text).unwrap();
    let program = super::program(program).expect("looked for before");
    let mut process = Process::start(directory, &program, arguments, &[]);
    let http = Http::new(Endpoint::port(port));
    super::wait_ready(&mut process, || {
        http.request("GET", "/identity", b"")
            .is_ok_and(|response| response.body == identity)
    })?;
    Ok(WebDav { process, place })
}

/// A password's digest as both servers know it.
fn digest(password: &str) -> String {
    let output = std::process::Command::new("openssl")
        .args(["passwd", "-apr1", password])
        .output()
        .expect("openssl runs");
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
