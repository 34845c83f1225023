//! HTTP and WebDAV.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::server::{Reply, Request, Server};
use super::*;
use crate::agent::backend::Put;
use crate::config::stores::{Http, HttpLayout, Secret};

fn plain(server: &Server) -> Http {
    Http {
        url: format!("{}/base/", server.url()),
        ..Http::default()
    }
}

fn store(server: &Server, deadlines: Deadlines) -> Arc<dyn Backend> {
    opened(Service::Http(plain(server)), deadlines)
}

/// A server that keeps what it is given; with `wants_parents` as Apache does.
async fn keeping(wants_parents: bool) -> Server {
    let objects: Mutex<HashMap<String, Vec<u8>>> = Mutex::default();
    let directories: Mutex<HashSet<String>> = Mutex::new(["/base".to_owned()].into());
    Server::start(move |request| {
        let mut objects = objects.lock().unwrap();
        let mut directories = directories.lock().unwrap();
        let target = request.target.trim_end_matches('/').to_owned();
        let (parent, _) = target.rsplit_once('/').unwrap();
        match request.method.as_str() {
            "PUT" if wants_parents && !directories.contains(parent) => Reply::status(409),
            "MKCOL" if !directories.contains(parent) => Reply::status(409),
            "MKCOL" if !directories.insert(target.clone()) => Reply::status(405),
            "MKCOL" => Reply::status(201),
            "PUT"
                if request.header("if-none-match") == Some("*")
                    && objects.contains_key(&target) =>
            {
                Reply::status(412)
            }
            "PUT" => {
                objects.insert(target, request.body.clone());
                Reply::status(201)
            }
            "DELETE" => Reply::status(objects.remove(&target).map_or(404, |_| 204)),
            _ => objects
                .get(&target)
                .cloned()
                .map_or(Reply::status(404), Reply::body),
        }
    })
    .await
}

#[tokio::test]
async fn each_operation_is_one_request() {
    let server = keeping(false).await;
    let store = store(&server, PATIENT);
    let path = format!("/base/{NAME}");

    assert_eq!(get(&*store, NAME).await.unwrap(), None);
    assert_eq!(store.size(NAME).await.unwrap(), None);
    assert_eq!(store.put(NAME, body("one"), true).await.unwrap(), Put::Done);
    assert_eq!(
        store.put(NAME, body("two"), true).await.unwrap(),
        Put::Exists
    );
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), b"one");
    let directory = tempfile::tempdir().unwrap();
    let long = vec![7; 300_000];
    let put = store.put(NAME, file(&directory, &long), false).await;
    assert_eq!(put.unwrap(), Put::Done);
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), long);
    assert_eq!(store.size(NAME).await.unwrap(), Some(300_000));
    store.delete(NAME).await.unwrap();
    store.delete(NAME).await.unwrap();
    assert!(!store.touch(NAME).await.unwrap());

    let methods = "GET HEAD PUT PUT GET PUT GET HEAD DELETE DELETE".split(' ');
    let expected: Vec<String> = methods.map(|method| format!("{method} {path}")).collect();
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn parents_are_made_where_the_server_wants_them() {
    let server = keeping(true).await;
    let store = store(&server, PATIENT);
    store.put(NAME, body("one"), false).await.unwrap();
    let made = ["PUT", "MKCOL", "MKCOL", "PUT"];
    let requests = server.requests();
    let methods: Vec<&str> = requests.iter().map(|r| r.method.as_str()).collect();
    assert_eq!(methods, made);
    assert_eq!(requests[1].target, "/base/team/");
    assert_eq!(requests[2].target, "/base/team/ab/");

    // What is known to be there is not made again; what is not, is made first.
    store.put("team/ab/abc", body("two"), false).await.unwrap();
    store
        .put("team/cd/cde", body("three"), false)
        .await
        .unwrap();
    let expected = [
        "PUT /base/team/ab/abc",
        "MKCOL /base/team/cd/",
        "PUT /base/team/cd/cde",
    ];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn each_status_has_its_failure() {
    let table = [
        (302, Failure::Config),
        (400, Failure::Broken),
        (401, Failure::Denied),
        (403, Failure::Denied),
        (405, Failure::Unsupported),
        (407, Failure::Denied),
        (413, Failure::TooLarge),
        (429, Failure::Server),
        (500, Failure::Server),
        (503, Failure::Server),
        (507, Failure::Full),
    ];
    for (status, expected) in table {
        let server = Server::start(move |_| Reply::status(status)).await;
        let store = store(&server, PATIENT);
        assert_eq!(failure(get(&*store, NAME).await), expected, "GET {status}");
        assert_eq!(failure(store.size(NAME).await), expected, "HEAD {status}");
        assert_eq!(
            failure(store.delete(NAME).await),
            expected,
            "DELETE {status}"
        );
        let put = store.put(NAME, body("x"), false).await;
        assert_eq!(failure(put), expected, "PUT {status}");
        // Nothing was tried twice.
        assert_eq!(server.requests().len(), 4, "{status}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_broken() {
    let server = Server::start(|_| Reply::Half(vec![1; 1000])).await;
    let store = store(&server, PATIENT);
    assert_eq!(failure(get(&*store, NAME).await), Failure::Broken);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_body_that_stands_still_times_out() {
    let server = Server::start(|_| Reply::Stall(vec![1; 1000])).await;
    let store = store(&server, HASTY);
    times_out(get(&*store, NAME)).await;
}

#[tokio::test]
async fn no_answer_times_out() {
    let server = Server::start(|_| Reply::Silence).await;
    let store = store(&server, HASTY);
    times_out(get(&*store, NAME)).await;
    times_out(store.put(NAME, body("x"), false)).await;
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_slow_body_may_take_longer_than_any_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n";
        stream.write_all(head).await.unwrap();
        for _ in 0..20 {
            tokio::time::sleep(HASTY.stall / 4).await;
            stream.write_all(b"x").await.unwrap();
        }
    });
    let http = Http {
        url,
        ..Http::default()
    };
    // Generous enough for a loaded machine, and still shorter than the whole.
    let deadlines = Deadlines {
        stall: HASTY.stall * 4,
        response: HASTY.response * 4,
        ..PATIENT
    };
    let store = opened(Service::Http(http), deadlines);
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap().len(), 20);
    serving.await.unwrap();
}

#[tokio::test]
async fn a_closed_port_is_no_connection() {
    let http = Http {
        url: format!("http://127.0.0.1:{}", closed_port()),
        ..Http::default()
    };
    let store = opened(Service::Http(http), PATIENT);
    assert_eq!(failure(get(&*store, NAME).await), Failure::Connect);
    assert_eq!(failure(store.prepare().await), Failure::Connect);
}

#[tokio::test]
async fn credentials_are_sent_and_never_said() {
    let server = Server::start(|_| Reply::status(401)).await;
    let http = Http {
        username: Some("Aladdin".into()),
        password: Some(Secret::new("open sesame")),
        headers: vec![("x-key".into(), Secret::new("hunter2"))],
        ..plain(&server)
    };
    let store = opened(Service::Http(http.clone()), PATIENT);
    let error = get(&*store, NAME).await.unwrap_err();
    let requests = server.requests();
    let sent: &Request = &requests[0];
    let basic = "basic qwxhzgrpbjpvcgvuihnlc2ftzq==";
    assert_eq!(sent.header("authorization"), Some(basic));
    assert_eq!(sent.header("x-key"), Some("hunter2"));
    assert!(!error.text.contains("hunter2") && !error.text.contains("sesame"));

    let bearer = Http {
        bearer_token: Some(Secret::new("t0ken")),
        ..plain(&server)
    };
    let store = opened(Service::Http(bearer), PATIENT);
    let _ = get(&*store, NAME).await;
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("bearer t0ken")
    );

    let both = Http {
        bearer_token: Some(Secret::new("t0ken")),
        ..http
    };
    let refused = open(&config(Service::Http(both), PATIENT)).err().unwrap();
    assert_eq!(refused.failure, Failure::Config);
}

#[tokio::test]
async fn credentials_do_not_follow_to_other_servers() {
    let other = Server::start(|_| Reply::body("elsewhere")).await;
    let location = format!("location: {}/x?secret=1\r\n", other.url());
    let server = Server::start(move |_| Reply::Whole(302, location.clone(), Vec::new())).await;
    // Without any, the other server is asked.
    let store = store(&server, PATIENT);
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), b"elsewhere");
    assert_eq!(other.requests().len(), 1);

    let http = Http {
        bearer_token: Some(Secret::new("t0ken")),
        ..plain(&server)
    };
    let store = opened(Service::Http(http), PATIENT);
    let error = get(&*store, NAME).await.unwrap_err();
    assert_eq!(error.failure, Failure::Config);
    assert!(!error.text.contains("secret"), "{error}");
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn layouts_have_their_paths_on_the_wire() {
    let server = Server::start(|_| Reply::status(404)).await;
    let key = NAME.rsplit('/').next().unwrap();
    for (layout, path) in [
        (HttpLayout::Subdirectories, format!("/base/{NAME}")),
        (HttpLayout::Flat, format!("/base/team/{key}")),
        (HttpLayout::Bazel, format!("/base/ac/{key}")),
    ] {
        let http = Http {
            layout,
            ..plain(&server)
        };
        let store = opened(Service::Http(http), PATIENT);
        assert_eq!(get(&*store, NAME).await.unwrap(), None);
        assert_eq!(server.lines(), [format!("GET {path}")]);
    }
}

#[tokio::test]
async fn listing_walks_where_there_is_webdav() {
    let server = Server::start(|request| {
        assert_eq!(request.header("depth"), Some("1"));
        let file = |path: &str| {
            format!("<d:response><d:href>{path}</d:href><d:propstat><d:prop><d:resourcetype/><d:getcontentlength>3</d:getcontentlength></d:prop></d:propstat></d:response>")
        };
        let folder = |path: &str| {
            format!("<d:response><d:href>{path}</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop></d:propstat></d:response>")
        };
        let inside = match request.target.as_str() {
            "/base/team/" => folder("/base/team/") + &folder("/base/team/ab/") + &file("/other/x"),
            "/base/team/ab/" => {
                folder("/base/team/ab/") + &file("/base/team/ab/abc") + &file("/base/team/ab/../x")
            }
            _ => return Reply::status(404),
        };
        let text = format!("<d:multistatus xmlns:d=\"DAV:\">{inside}</d:multistatus>");
        Reply::Whole(207, String::new(), text.into())
    })
    .await;
    let store = store(&server, PATIENT);
    let found = list(&*store, "team").await;
    let expected = Listed {
        name: "team/ab/abc".into(),
        size: 3,
        modified: None,
    };
    assert_eq!(found.first(), Some(&expected));
    assert!(
        found.iter().all(|listed| !listed.name.contains("..")),
        "{found:?}"
    );
    assert!(list(&*store, "nothing").await.is_empty());

    let plain = Server::start(|_| Reply::status(405)).await;
    let store = super::http::store(&plain, PATIENT);
    assert_eq!(
        failure(store.list("team", None).await),
        Failure::Unsupported
    );
}
