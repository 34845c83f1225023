//! nginx and apache.

use std::fs;

use super::bytes;
use crate::http::Http;
use crate::servers::certificates::Certificates;
use crate::servers::eventually;
use crate::servers::webdav::{BASIC, BEARER, Kind, OPEN, PASSWORD, READ_ONLY, TOKEN, USER, WebDav};
use crate::wire::Endpoint;

/// Does `test` with each server that is here.
fn each(test: impl Fn(Kind, &'static WebDav)) {
    for kind in Kind::ALL {
        if let Some(server) = WebDav::shared(kind) {
            test(kind, server);
        }
    }
}

#[test]
fn objects_are_put_read_and_removed() {
    each(|kind, server| {
        let http = Http::new(server.endpoint());
        let path = format!("{OPEN}/object");
        let body = bytes(300_000);
        assert_eq!(http.get(&path).status, 404, "{kind:?}");
        assert_eq!(http.put(&path, &body).status, 201, "{kind:?}");
        assert_eq!(http.get(&path).body, body, "{kind:?}");
        assert_eq!(fs::read(server.file(&path)).unwrap(), body, "{kind:?}");
        let head = http.request("HEAD", &path, b"").unwrap();
        assert_eq!(head.header("content-length"), Some("300000"), "{kind:?}");
        assert_eq!(http.put(&path, b"").status, 204, "{kind:?}");
        assert_eq!(http.get(&path).body, b"", "{kind:?}");
        assert_eq!(http.delete(&path).status, 204, "{kind:?}");
        assert_eq!(http.delete(&path).status, 404, "{kind:?}");
    });
}

#[test]
fn what_is_altered_on_disk_is_served() {
    each(|kind, server| {
        let path = format!("{OPEN}/altered");
        let http = Http::new(server.endpoint());
        assert_eq!(http.put(&path, b"as put").status, 201, "{kind:?}");
        fs::write(server.file(&path), b"altered").unwrap();
        assert_eq!(http.get(&path).body, b"altered", "{kind:?}");
    });
}

#[test]
fn a_connection_is_kept() {
    each(|kind, server| {
        let mut connection = Http::new(server.endpoint()).connect().unwrap();
        for round in 0..3 {
            let path = format!("{OPEN}/kept");
            let put = connection.request("PUT", &path, b"kept").unwrap();
            assert!(matches!(put.status, 201 | 204), "{kind:?}, {round}");
            let get = connection.request("GET", &path, b"").unwrap();
            assert_eq!(get.body, b"kept", "{kind:?}, {round}");
        }
    });
}

#[test]
fn who_is_not_known_is_refused() {
    each(|kind, server| {
        let anonymous = Http::new(server.endpoint());
        let basic = anonymous.clone().basic(USER, PASSWORD);
        let wrong = anonymous.clone().basic(USER, "wrong");
        let bearer = anonymous.clone().bearer(TOKEN);
        let stale = anonymous.clone().bearer("stale");
        for (area, refused, let_in) in [
            (BASIC, [&anonymous, &wrong, &bearer], &basic),
            (BEARER, [&anonymous, &stale, &basic], &bearer),
        ] {
            let path = format!("{area}/object");
            for http in refused {
                assert_eq!(http.put(&path, b"x").status, 401, "{kind:?} {area}");
                assert_eq!(http.get(&path).status, 401, "{kind:?} {area}");
            }
            assert_eq!(let_in.put(&path, b"x").status, 201, "{kind:?} {area}");
            assert_eq!(let_in.get(&path).body, b"x", "{kind:?} {area}");
        }
    });
}

#[test]
fn a_read_only_area_takes_nothing() {
    each(|kind, server| {
        let path = format!("{READ_ONLY}/object");
        fs::write(server.file(&path), b"there").unwrap();
        let http = Http::new(server.endpoint());
        assert_eq!(http.get(&path).body, b"there", "{kind:?}");
        assert_eq!(http.put(&path, b"x").status, 405, "{kind:?}");
        assert_eq!(http.delete(&path).status, 405, "{kind:?}");
    });
}

/// Where the two differ: parents and conditions.
#[test]
fn missing_parents_and_conditions() {
    each(|kind, server| {
        let http = Http::new(server.endpoint());
        let below = format!("{OPEN}/{kind:?}/parent/object");
        let put = http.put(&below, b"x").status;
        assert_eq!(put, [201, 409][kind as usize], "{kind:?}");
        let made = http.request("MKCOL", &format!("{OPEN}/made/"), b"");
        assert_eq!(made.unwrap().status, 201, "{kind:?}");
        let path = format!("{OPEN}/made/object");
        assert_eq!(http.put(&path, b"first").status, 201, "{kind:?}");
        let second = http.clone().header("if-none-match", "*");
        let put = second.put(&path, b"second").status;
        assert_eq!(put, [204, 412][kind as usize], "{kind:?}");
    });
}

#[test]
fn properties_are_listed() {
    each(|kind, server| {
        let http = Http::new(server.endpoint());
        let made = http.request("MKCOL", &format!("{OPEN}/list/"), b"");
        assert_eq!(made.unwrap().status, 201, "{kind:?}");
        for name in ["one", "two"] {
            http.put(&format!("{OPEN}/list/{name}"), b"x");
        }
        let http = http.header("depth", "1");
        let listed = http.request("PROPFIND", &format!("{OPEN}/list/"), b"");
        let listed = listed.unwrap();
        assert_eq!(listed.status, 207, "{kind:?}");
        for name in ["one", "two"] {
            let found = format!("{OPEN}/list/{name}<");
            assert!(
                listed.text().contains(&found),
                "{kind:?}: {}",
                listed.text()
            );
        }
    });
}

#[test]
fn tls_is_spoken_and_its_authority_counts() {
    each(|kind, server| {
        let path = format!("{BASIC}/by-tls");
        let http = Http::new(server.tls_endpoint()).basic(USER, PASSWORD);
        assert_eq!(http.put(&path, b"secret").status, 201, "{kind:?}");
        assert_eq!(http.get(&path).body, b"secret", "{kind:?}");
        let unknown = Http::new(server.tls_endpoint()).get(&path).status;
        assert_eq!(unknown, 401, "{kind:?}");
        let token = Http::new(server.tls_endpoint()).bearer(TOKEN);
        let path = format!("{BEARER}/by-tls");
        assert_eq!(token.put(&path, b"secret").status, 201, "{kind:?}");

        let directory = tempfile::tempdir().unwrap();
        let other = Certificates::make(directory.path());
        let endpoint = Endpoint::tls(server.tls_port(), &other.authority);
        let error = Http::new(endpoint).request("GET", &path, b"").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("certificate verify failed"),
            "{kind:?}: {text}"
        );
    });
}

#[test]
fn requests_are_counted() {
    each(|kind, server| {
        let path = format!("{OPEN}/counted");
        let http = Http::new(server.endpoint());
        http.get(&path);
        http.put(&path, b"x");
        http.get(&path);
        let tls = Http::new(server.tls_endpoint());
        tls.delete(&path);
        let mut lines = Vec::new();
        eventually("the server logs", || {
            lines = server.requests(&path);
            lines.len() >= 4
        });
        let mut found: Vec<String> = lines
            .iter()
            .map(|line| format!("{} {} {}", line.method, line.path, line.status))
            .collect();
        let mut expected = [("GET", 404), ("PUT", 201), ("GET", 200), ("DELETE", 204)]
            .map(|(method, status)| format!("{method} {path} {status}"));
        // They may be late one after the other.
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{kind:?}");
    });
}

#[test]
fn one_of_its_own_can_be_ended() {
    for kind in Kind::ALL {
        let Some(server) = WebDav::start(kind) else {
            continue;
        };
        let http = Http::new(server.endpoint());
        assert_eq!(http.put(&format!("{OPEN}/own"), b"x").status, 201);
        let directory = server.process().directory().to_owned();
        drop(server);
        let refused = http.request("GET", &format!("{OPEN}/own"), b"");
        assert_eq!(
            refused.unwrap_err().kind(),
            std::io::ErrorKind::ConnectionRefused
        );
        assert!(!directory.exists());
    }
}
