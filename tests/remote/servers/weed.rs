//! S3 by SeaweedFS, which checks signatures, sums and conditions.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::certificates::Certificates;
use super::process::Process;
use crate::http::Http;
use crate::s3::{Bucket, Credentials};
use crate::support::{find_program, skip};
use crate::wire::Endpoint;

/// The bucket that the reading identity is limited to.
pub const BUCKET: &str = "cache";

/// A running S3 server.
pub struct Weed {
    process: Process,
    port: u16,
    tls_port: u16,
    certificates: Certificates,
    admin: Credentials,
    reader: Credentials,
}

impl Weed {
    /// The server that all tests of this process share. `None`, said loudly:
    /// there is no program.
    pub fn shared() -> Option<&'static Weed> {
        static SHARED: OnceLock<Weed> = OnceLock::new();
        let program = Weed::program()?;
        Some(SHARED.get_or_init(|| Weed::run(&program)))
    }

    /// A server for one test: 250 MB, some seconds. `None` as for [`Weed::shared`].
    pub fn start() -> Option<Weed> {
        Some(Weed::run(&Weed::program()?))
    }

    /// Where `scripts/servers` puts it, or on the PATH.
    fn program() -> Option<PathBuf> {
        let directory = match std::env::var_os("CACHE_TEST_SERVERS") {
            Some(path) => PathBuf::from(path),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers"),
        };
        let fetched = directory.join("weed");
        let found = match fetched.exists() {
            true => fetched.canonicalize().ok(),
            false => find_program("weed"),
        };
        if found.is_none() {
            skip("weed (SeaweedFS) is not here (scripts/servers fetches it)");
        }
        found
    }

    fn run(program: &Path) -> Weed {
        super::start(|| Weed::attempt(program))
    }

    fn attempt(program: &Path) -> Result<Weed, String> {
        let directory = super::directory();
        let path = directory.path().to_owned();
        let certificates = Certificates::make(&path);
        // Nobody else's server knows these: that it lets us in shows that it is ours.
        let own = path.file_name().unwrap().to_string_lossy().into_owned();
        let credentials = |name: &str| Credentials {
            access: format!("{name}key"),
            secret: format!("{name}-secret-{own}"),
        };
        let (admin, reader) = (credentials("admin"), credentials("reader"));
        let identity = |name: &str, credentials: &Credentials, actions: &[String]| {
            serde_json::json!({
                "name": name,
                "credentials": [{
                    "accessKey": credentials.access,
                    "secretKey": credentials.secret,
                }],
                "actions": actions,
            })
        };
        let everything = ["Admin", "Read", "Write", "List", "Tagging"].map(String::from);
        let reading = ["Read", "List"].map(|action| format!("{action}:{BUCKET}"));
        let identities = serde_json::json!({ "identities": [
            identity("admin", &admin, &everything),
            identity("reader", &reader, &reading),
        ]});
        fs::write(path.join("s3.json"), identities.to_string()).unwrap();
        let data = path.join("data");
        fs::create_dir(&data).unwrap();

        let ports = super::free_ports::<9>();
        let [port, tls_port, ..] = ports;
        let names = [
            "s3.port",
            "s3.port.https",
            "s3.port.grpc",
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
        ];
        let mut arguments = vec!["server".to_owned()];
        arguments.extend(
            names
                .iter()
                .zip(ports)
                .map(|(name, port)| format!("-{name}={port}")),
        );
        arguments.extend([
            format!("-dir={}", data.display()),
            format!("-s3.config={}", path.join("s3.json").display()),
            format!("-s3.cert.file={}", certificates.certificate.display()),
            format!("-s3.key.file={}", certificates.key.display()),
        ]);
        arguments.extend(
            [
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-filer",
                "-s3",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                // A bucket takes volumes of its own; one without room refuses writes.
                "-volume.max=500",
                "-master.volumeSizeLimitMB=256",
            ]
            .map(String::from),
        );
        let environment = [("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1")];
        let process = Process::start(directory, program, arguments, &environment);
        let mut weed = Weed {
            process,
            port,
            tls_port,
            certificates,
            admin,
            reader,
        };
        let endpoint = weed.endpoint();
        let bucket = Bucket::new(endpoint.clone(), Some(&weed.admin), BUCKET);
        super::wait_ready(&mut weed.process, || {
            let done = |response: std::io::Result<crate::http::Response>| {
                response.is_ok_and(|r| r.status < 300)
            };
            // Each part of it gets ready at its own time: all must have done so.
            done(Http::new(endpoint.clone()).request("GET", "/healthz", b""))
                && (done(bucket.request("HEAD", "", &[], b""))
                    || done(bucket.request("PUT", "", &[], b"")))
                && done(bucket.request("PUT", "ready", &[], b"ready"))
                && done(bucket.request("DELETE", "ready", &[], b""))
        })?;
        Ok(weed)
    }

    /// The plain port.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::port(self.port)
    }

    /// The port that speaks TLS.
    pub fn tls_endpoint(&self) -> Endpoint {
        Endpoint::tls(self.tls_port, &self.certificates.authority)
    }

    /// Number of the plain port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Number of the port that speaks TLS.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The server's certificate and its authority.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// May do everything.
    pub fn admin(&self) -> &Credentials {
        &self.admin
    }

    /// May read and list [`BUCKET`].
    pub fn reader(&self) -> &Credentials {
        &self.reader
    }

    /// The administrator's name with a secret that is not theirs.
    pub fn impostor(&self) -> Credentials {
        Credentials {
            access: self.admin.access.clone(),
            secret: "not-the-secret".into(),
        }
    }

    /// Nobody here.
    pub fn stranger(&self) -> Credentials {
        Credentials {
            access: "strangerkey".into(),
            secret: "not-the-secret".into(),
        }
    }

    /// A bucket, made if it is not there, as the administrator sees it.
    pub fn bucket(&self, name: &str) -> Bucket {
        let bucket = Bucket::new(self.endpoint(), Some(&self.admin), name);
        let there = bucket.request("HEAD", "", &[], b"").unwrap().status == 200;
        if !there {
            let made = bucket.create();
            // 409: another test has made it meanwhile.
            assert!(matches!(made.status, 200 | 409), "{}", made.text());
        }
        bucket
    }

    /// The process: its log, and what a test may do to it.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
