//! Servers on loopback for the measurements of remote stores.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::tools::Kind;

/// Seconds that a server may take to listen.
const START: u64 = 20;

/// Gives nginx PROPFIND, without which sccache stores nothing (Debian's
/// libnginx-mod-http-dav-ext).
const DAV_MODULE: &str = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";

/// What Redis is asked besides for objects: who speaks, and how it is.
const GREETINGS: [&str; 10] = [
    "auth", "client", "command", "config", "hello", "info", "ping", "quit", "readonly", "select",
];

/// What speaks at the other end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Redis,
    Http,
}

impl Service {
    pub fn name(self) -> &'static str {
        match self {
            Service::Redis => "Redis",
            Service::Http => "HTTP",
        }
    }

    /// The setting that leads `kind` there; `None`: it speaks nothing of the kind.
    pub fn setting(self, kind: Kind, port: u16) -> Option<Vec<(&'static str, String)>> {
        let url = match self {
            Service::Redis => format!("redis://127.0.0.1:{port}"),
            Service::Http => format!("http://127.0.0.1:{port}/objects"),
        };
        match (kind, self) {
            (Kind::Cache, _) => Some(vec![("CACHE_STORE", url)]),
            (Kind::Ccache, _) => Some(vec![("CCACHE_REMOTE_STORAGE", url)]),
            (Kind::Sccache, Service::Redis) => Some(vec![("SCCACHE_REDIS_ENDPOINT", url)]),
            (Kind::Sccache, Service::Http) if Path::new(DAV_MODULE).exists() => Some(vec![
                (
                    "SCCACHE_WEBDAV_ENDPOINT",
                    format!("http://127.0.0.1:{port}"),
                ),
                ("SCCACHE_WEBDAV_KEY_PREFIX", "/objects".to_owned()),
            ]),
            _ => None,
        }
    }

    pub fn start(self, root: &Path) -> Result<Server, String> {
        let port = free_port().ok_or("no port is free")?;
        let directory = root.join(format!("server-{}", self.name()));
        fs::create_dir_all(directory.join("objects")).expect("a folder for the server");
        let mut command = match self {
            Service::Redis => redis(port),
            Service::Http => nginx(port, &directory),
        };
        let child = command
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{:?}: {error}", command.get_program()))?;
        let server = Server {
            child,
            port,
            service: self,
            log: directory.join("access"),
        };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > Duration::from_secs(START) {
                return Err(format!("{} does not listen", self.name()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

fn redis(port: u16) -> Command {
    let mut command = Command::new("/usr/bin/redis-server");
    let port = port.to_string();
    command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]);
    command
}

/// In the foreground and as one process, so that it ends with its own identifier.
fn nginx(port: u16, directory: &Path) -> Command {
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let at = directory.display();
    let (module, methods) = match Path::new(DAV_MODULE).exists() {
        true => (
            format!("load_module {DAV_MODULE};"),
            "dav_ext_methods PROPFIND OPTIONS;",
        ),
        false => Default::default(),
    };
    let text = format!(
        "{module} {user} daemon off; master_process off; pid {at}/pid; error_log {at}/errors;\n\
         events {{}}\n\
         http {{ log_format short $request_method; access_log {at}/access short; client_max_body_size 0; client_body_temp_path {at}/body;\n\
         proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
         server {{ listen 127.0.0.1:{port}; location /objects {{ root {at};\n\
         dav_methods PUT DELETE MKCOL; create_full_put_path on; {methods} }} }} }}\n"
    );
    fs::write(directory.join("nginx.conf"), text).expect("a configuration");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(directory);
    command.arg("-c").arg(directory.join("nginx.conf"));
    command
}

/// Ends with the measurement.
pub struct Server {
    child: Child,
    pub port: u16,
    service: Service,
    /// Of nginx: a line a request.
    log: PathBuf,
}

impl Server {
    /// How many requests it has answered so far, as it says itself.
    pub fn requests(&self) -> u64 {
        match self.service {
            Service::Redis => self.commands().unwrap_or(0),
            Service::Http => {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                log.lines().count() as u64
            }
        }
    }

    /// Commands other than [`GREETINGS`].
    fn commands(&self) -> Option<u64> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket.write_all(b"INFO commandstats\r\nQUIT\r\n").ok()?;
        let mut text = String::new();
        socket.read_to_string(&mut text).ok()?;
        let calls = text.lines().filter_map(|line| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let name = name.split('|').next()?;
            let calls: u64 = figures.split(',').next()?.parse().ok()?;
            (!GREETINGS.contains(&name)).then_some(calls)
        });
        Some(calls.sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One that nobody listens on at the moment.
pub fn free_port() -> Option<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").ok()?;
    Some(listener.local_addr().ok()?.port())
}
