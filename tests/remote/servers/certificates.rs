//! Certificates for servers on loopback, made anew by `openssl`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Clients that are strict want an authority and a server's certificate that is
/// none, with the name in `subjectAltName`.
const CONFIGURATION: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
CN = cache test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// Files of an authority of its own and of a certificate for `localhost` and
/// `127.0.0.1`, in PEM.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority's certificate: what a client is to trust.
    pub authority: PathBuf,
    /// The server's certificate, signed by the authority.
    pub certificate: PathBuf,
    /// The server's key; everybody may read it, as workers may not be root.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes them in `directory`.
    pub fn make(directory: &Path) -> Certificates {
        use std::os::unix::fs::PermissionsExt;
        let configuration = directory.join("openssl.cnf");
        fs::write(&configuration, CONFIGURATION).unwrap();
        let made = Certificates {
            authority: directory.join("authority.pem"),
            certificate: directory.join("server.pem"),
            key: directory.join("server.key"),
        };
        let authority_key = directory.join("authority.key");
        let request = |section: &str, subject: &str, key: &Path, certificate: &Path| {
            let mut command = Command::new("openssl");
            command
                .args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"])
                .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
                .args(["-subj", subject, "-extensions", section])
                .arg("-config")
                .arg(&configuration)
                .arg("-keyout")
                .arg(key)
                .arg("-out")
                .arg(certificate);
            command
        };
        run(&mut request(
            "authority",
            "/CN=cache test authority",
            &authority_key,
            &made.authority,
        ));
        run(
            request("server", "/CN=localhost", &made.key, &made.certificate)
                .arg("-CA")
                .arg(&made.authority)
                .arg("-CAkey")
                .arg(&authority_key),
        );
        fs::set_permissions(&made.key, fs::Permissions::from_mode(0o644)).unwrap();
        made
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("openssl runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
}
