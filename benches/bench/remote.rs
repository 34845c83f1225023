//! Hits from another machine: a store on loopback, nothing on the local disk. And what a
//! dead server adds to a build.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Bench;
use crate::peers;
use crate::results::{Results, Row};
use crate::tools::{Kind, Tool};
use crate::units::Unit;

/// Files of the build whose server is dead.
const FILES: usize = 200;

/// Seconds that a server may take to listen.
const START: u64 = 20;

/// What speaks at the other end.
#[derive(Clone, Copy)]
enum Service {
    Redis,
    Http,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Service::Redis => "Redis",
            Service::Http => "HTTP",
        }
    }

    /// The setting that leads `kind` there; `None`: it speaks nothing of the kind.
    fn setting(self, kind: Kind, port: u16) -> Option<Vec<(&'static str, String)>> {
        let url = match self {
            Service::Redis => format!("redis://127.0.0.1:{port}"),
            Service::Http => format!("http://127.0.0.1:{port}/objects"),
        };
        match (kind, self) {
            (Kind::Cache, _) => Some(vec![("CACHE_STORE", url)]),
            (Kind::Ccache, _) => Some(vec![("CCACHE_REMOTE_STORAGE", url)]),
            (Kind::Sccache, Service::Redis) => Some(vec![("SCCACHE_REDIS_ENDPOINT", url)]),
            (Kind::Sccache, Service::Http) => Some(vec![("SCCACHE_WEBDAV_ENDPOINT", url)]),
            _ => None,
        }
    }

    fn start(self, root: &Path) -> Result<Server, String> {
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
        let server = Server { child, port };
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
    let text = format!(
        "{user} daemon off; master_process off; pid {at}/pid; error_log {at}/errors;\n\
         events {{}}\n\
         http {{ access_log off; client_max_body_size 0; client_body_temp_path {at}/body;\n\
         proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
         server {{ listen 127.0.0.1:{port}; location /objects {{ root {at};\n\
         dav_methods PUT DELETE MKCOL; create_full_put_path on; }} }} }}\n"
    );
    fs::write(directory.join("nginx.conf"), text).expect("a configuration");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(directory);
    command.arg("-c").arg(directory.join("nginx.conf"));
    command
}

/// Ends with the measurement.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn measure(bench: &Bench, results: &mut Results) {
    for service in [Service::Redis, Service::Http] {
        match service.start(bench.root()) {
            Ok(server) => hits(bench, service, &server, results),
            Err(why) => results.note(format!("no {} server: {why}", service.name())),
        }
    }
    dead(bench, results);
}

/// The tools that can use the service, each with a store of its own.
fn tools(bench: &Bench, service: Service, port: u16, results: &mut Results) -> Vec<Tool> {
    let sccache = peers::sccache_with_stores(&bench.options);
    if let Err(why) = &sccache {
        results.note(format!("no sccache with remote stores: {why}"));
    }
    let with = |tool: &Tool| {
        let mut more = service.setting(tool.kind, port)?;
        if tool.kind == Kind::Sccache {
            // Not the server that has the local directory.
            more.push(("SCCACHE_SERVER_PORT", free_port()?.to_string()));
        }
        Some(Tool {
            name: format!("{} {}", tool.name, service.name()),
            more,
            ..tool.clone()
        })
    };
    let others = bench.plain_tools().into_iter();
    others
        .chain(sccache.as_ref().ok())
        .filter_map(with)
        .collect()
}

fn free_port() -> Option<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").ok()?;
    Some(listener.local_addr().ok()?.port())
}

fn hits(bench: &Bench, service: Service, server: &Server, results: &mut Results) {
    let tools = tools(bench, service, server.port, results);
    for tool in &tools {
        tool.start(bench.root());
    }
    let units = bench.units.iter();
    for unit in units.filter(|unit| !unit.is_huge() || !bench.options.quick) {
        bench.say(&format!("remote hits: {}, {}", service.name(), unit.name));
        let object = prime(bench, &tools, unit);
        let row =
            |tool: &Tool| Row::new(unit.name, unit.dependencies.len(), &tool.name, "remote hit");
        let mut rows: Vec<Row> = tools.iter().map(row).collect();
        for _ in 0..bench.options.times(40, 20) {
            for (tool, row) in tools.iter().zip(&mut rows) {
                forget(bench, tool);
                unit.take_object();
                row.add(bench.helpers.compile(unit, Some(tool)));
                row.compare(&unit.take_object(), &object);
            }
        }
        judge(service, unit, &rows, results);
        results.rows.extend(rows);
    }
    for tool in &tools {
        control(bench, tool, &["agent", "stop"]);
        tool.stop(bench.root());
    }
}

/// Every tool has compiled the unit once and told the server; the plain object.
fn prime(bench: &Bench, tools: &[Tool], unit: &Unit) -> Vec<u8> {
    unit.take_object();
    bench.helpers.compile(unit, None);
    let object = unit.take_object();
    for tool in tools {
        for _ in 0..2 {
            bench.helpers.compile(unit, Some(tool));
            unit.take_object();
        }
        control(bench, tool, &["agent", "flush"]);
        // The first look of a hit from afar asks the compiler who it is, once a machine.
        forget(bench, tool);
        bench.helpers.compile(unit, Some(tool));
    }
    object
}

/// Results on the local disk go; what is known about the machine stays.
fn forget(bench: &Bench, tool: &Tool) {
    let store = tool.store(bench.root());
    match tool.kind {
        Kind::Cache => {
            for part in ["compile", "manifest"] {
                let _ = fs::remove_dir_all(store.join(part));
            }
        }
        // Its inode cache is in the same place.
        Kind::Ccache => {
            for entry in fs::read_dir(&store).into_iter().flatten().flatten() {
                let name = entry.file_name();
                if name.len() == 1 {
                    let _ = fs::remove_dir_all(entry.path());
                }
            }
        }
        _ => {}
    }
}

/// A subcommand of ours.
fn control(bench: &Bench, tool: &Tool, words: &[&str]) {
    if tool.is_ours() {
        let done = Command::new(&tool.path)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", bench.root())
            .envs(tool.environment(bench.root()))
            .stdout(Stdio::null())
            .status();
        assert!(
            done.is_ok_and(|status| status.success()),
            "cache {words:?} failed"
        );
    }
}

fn judge(service: Service, unit: &Unit, rows: &[Row], results: &mut Results) {
    let Some((ours, peers)) = rows.split_first() else {
        return;
    };
    let fastest = peers.iter().map(Row::wall_median).reduce(f64::min);
    match fastest {
        Some(fastest) => {
            let what = format!(
                "remote hit, {}, {}: median to the fastest peer",
                service.name(),
                unit.name
            );
            results.at_most(what, 0.5, "x", ours.wall_median() / fastest);
        }
        None => results.note(format!("no peer speaks {} here", service.name())),
    }
}

/// A build of many small files, with a store that takes connections and never answers.
fn dead(bench: &Bench, results: &mut Results) {
    let Ok(silent) = TcpListener::bind("127.0.0.1:0") else {
        return;
    };
    let Ok(address) = silent.local_addr() else {
        return;
    };
    bench.say("a build whose server is dead");
    let directory = bench.root().join("dead");
    fs::create_dir_all(directory.join("o")).expect("a folder");
    let mut round = 0;
    let mut build = |tool: &Tool| {
        round += 1;
        let mut lines = String::new();
        for n in 0..FILES {
            let text = format!("int f{n}_{round}(void) {{ return {n}; }}\n");
            fs::write(directory.join(format!("{n}.c")), text).expect("a source");
            let program = tool.path.display();
            writeln!(lines, "{program} /usr/bin/gcc -O2 -c {n}.c -o o/{n}.o").expect("text grows");
        }
        let nanoseconds = bench.helpers.storm(Some(tool), &directory, &lines, 2);
        nanoseconds as f64 / 1e9
    };
    let ours = bench.ours();
    let alone = build(ours);
    let tool = Tool {
        name: "cache dead".to_owned(),
        more: vec![("CACHE_STORE", format!("http://{address}/objects"))],
        ..ours.clone()
    };
    let with_dead = build(&tool);
    control(bench, &tool, &["agent", "stop"]);
    let path: PathBuf = tool.store(bench.root());
    let _ = fs::remove_dir_all(path);
    results.figure(
        format!("build of {FILES} files, no remote store"),
        alone,
        "s",
    );
    results.figure(
        format!("build of {FILES} files, a dead one"),
        with_dead,
        "s",
    );
    let what = format!("a dead server, build of {FILES} files: adds");
    results.at_most(what, 3.0, "s", with_dead - alone);
}
