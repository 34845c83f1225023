//! nginx with its WebDAV modules.

use std::path::Path;

use super::webdav::{BASIC, BEARER, OPEN, Place, TOKEN};

/// Debian's place of `libnginx-mod-http-dav-ext`: PROPFIND and OPTIONS.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";

/// What must be here.
pub const NEEDS: &[&str] = &["nginx", MODULE, "openssl"];

/// The arguments; errors before the configuration is read go to the log as well.
pub fn arguments(configuration: &Path) -> Vec<String> {
    let configuration = configuration.display().to_string();
    ["-e", "stderr", "-c", &configuration]
        .map(String::from)
        .to_vec()
}

/// The worker runs as root if the master does: the files are the test's.
pub fn configuration(place: &Place) -> String {
    let directory = place.directory.display();
    let user = match rustix::process::geteuid().is_root() {
        true => "user root root;",
        false => "",
    };
    let (certificate, key) = (&place.certificates.certificate, &place.certificates.key);
    let dav = "\
            dav_methods PUT DELETE MKCOL COPY MOVE;
            dav_ext_methods PROPFIND OPTIONS;
            create_full_put_path on;
            dav_access user:rw group:r all:r;";
    format!(
        "\
load_module {MODULE};
daemon off;
worker_processes 1;
{user}
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    log_format counted '$request_method $request_uri $status';
    access_log {access_log} counted;
    client_body_temp_path {directory}/temporary-body;
    proxy_temp_path {directory}/temporary-proxy;
    fastcgi_temp_path {directory}/temporary-fastcgi;
    uwsgi_temp_path {directory}/temporary-uwsgi;
    scgi_temp_path {directory}/temporary-scgi;
    client_max_body_size 0;
    keepalive_timeout 60;
    map $http_authorization $known {{ default 0; \"Bearer {TOKEN}\" 1; }}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        root {files};
        location {OPEN}/ {{
            {dav}
        }}
        location {BASIC}/ {{
            auth_basic test;
            auth_basic_user_file {users};
            {dav}
        }}
        location {BEARER}/ {{
            if ($known = 0) {{ return 401; }}
            {dav}
        }}
    }}
}}
",
        access_log = place.access_log().display(),
        port = place.port,
        tls_port = place.tls_port,
        certificate = certificate.display(),
        key = key.display(),
        files = place.files().display(),
        users = place.users().display(),
    )
}
