//! apache with `mod_dav`.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use super::webdav::{BASIC, BEARER, OPEN, Place, TOKEN};

const MODULES: &str = "/usr/lib/apache2/modules";

/// What must be here.
pub const NEEDS: &[&str] = &["apache2", "/usr/lib/apache2/modules/mod_dav.so", "openssl"];

/// Debian's user for web servers: apache does not serve as root.
const WORKER: &str = "www-data";

/// The arguments: not in the background.
pub fn arguments(configuration: &Path) -> Vec<String> {
    let configuration = configuration.display().to_string();
    ["-D", "FOREGROUND", "-f", &configuration]
        .map(String::from)
        .to_vec()
}

/// The configuration. Hands the files to the worker's user.
pub fn configuration(place: &Place) -> String {
    let directory = place.directory.display();
    let locks = place.directory.join("locks");
    fs::create_dir(&locks).unwrap();
    let user = match rustix::process::geteuid().is_root() {
        true => {
            let (user, group) = worker();
            chown(&locks, Some(user), Some(group)).unwrap();
            for folder in fs::read_dir(place.files()).unwrap() {
                chown(folder.unwrap().path(), Some(user), Some(group)).unwrap();
            }
            format!("User {WORKER}\nGroup {WORKER}")
        }
        false => String::new(),
    };
    let modules: String = [
        "mpm_event",
        "authn_core",
        "authn_file",
        "authz_core",
        "authz_user",
        "auth_basic",
        "dav",
        "dav_fs",
        "rewrite",
        "ssl",
    ]
    .iter()
    .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
    .collect();
    format!(
        "\
{modules}
{user}
ServerRoot {directory}
DefaultRuntimeDir {directory}
PidFile {directory}/apache.pid
ServerName localhost
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{tls_port}
ServerLimit 1
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 64
KeepAliveTimeout 60
MaxKeepAliveRequests 0
ErrorLog {directory}/log
LogFormat \"%m %U%q %>s\" counted
CustomLog {access_log} counted
DocumentRoot {files}
DavLockDB {locks}/locks
<Directory {files}>
    Require all granted
</Directory>
<Location {OPEN}>
    Dav On
</Location>
<Location {BASIC}>
    Dav On
    AuthType Basic
    AuthName test
    AuthBasicProvider file
    AuthUserFile {users}
    Require valid-user
</Location>
<Location {BEARER}>
    Dav On
</Location>
RewriteEngine On
RewriteCond %{{REQUEST_URI}} ^{BEARER}/
RewriteCond %{{HTTP:Authorization}} \"!^Bearer {token}$\"
RewriteRule ^ - [R=401,L]
<VirtualHost 127.0.0.1:{tls_port}>
    RewriteEngine On
    RewriteOptions Inherit
    CustomLog {access_log} counted
    SSLEngine On
    SSLCertificateFile {certificate}
    SSLCertificateKeyFile {key}
</VirtualHost>
",
        port = place.port,
        tls_port = place.tls_port,
        access_log = place.access_log().display(),
        files = place.files().display(),
        locks = locks.display(),
        users = place.users().display(),
        token = TOKEN.replace('.', "\\."),
        certificate = place.certificates.certificate.display(),
        key = place.certificates.key.display(),
    )
}

/// Number of the worker's user and group.
fn worker() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(WORKER)).then_some(())?;
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    found.expect("Debian has a user for web servers")
}
