//! S3 by way of OpenDAL: what goes over the wire.

use super::server::{Reply, Server};
use super::*;
use crate::agent::backend::Put;
use crate::config::stores::{S3, Secret};

fn anonymous(server: &Server) -> S3 {
    S3 {
        bucket: "bucket".into(),
        endpoint: Some(server.url()),
        anonymous: true,
        ..S3::default()
    }
}

fn signed(server: &Server) -> S3 {
    S3 {
        anonymous: false,
        access_key: Some(Secret::new("AKIDEXAMPLE")),
        secret_key: Some(Secret::new("hunter2")),
        ..anonymous(server)
    }
}

fn store(s3: S3, deadlines: Deadlines) -> Arc<dyn Backend> {
    opened(Service::S3(s3), deadlines)
}

fn error(status: u16, code: &str) -> Reply {
    let text =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
    Reply::Whole(status, String::new(), text.into())
}

#[tokio::test]
async fn each_operation_is_one_request() {
    let server = Server::start(|request| match request.method.as_str() {
        "PUT" if request.header("if-none-match").is_some() => error(412, "PreconditionFailed"),
        "DELETE" => Reply::status(204),
        _ => Reply::body("content"),
    })
    .await;
    let store = store(anonymous(&server), PATIENT);
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), b"content");
    assert_eq!(store.size(NAME).await.unwrap(), Some(7));
    assert_eq!(
        store.put(NAME, body("one"), false).await.unwrap(),
        Put::Done
    );
    assert_eq!(
        store.put(NAME, body("one"), true).await.unwrap(),
        Put::Exists
    );
    let directory = tempfile::tempdir().unwrap();
    let long = vec![7; 8 << 20];
    store
        .put(NAME, file(&directory, &long), false)
        .await
        .unwrap();
    store.delete(NAME).await.unwrap();

    let requests = server.requests();
    let lines: Vec<String> = requests.iter().map(|request| request.line()).collect();
    let methods = "GET HEAD PUT PUT PUT DELETE".split(' ');
    let expected: Vec<String> = methods
        .map(|method| format!("{method} /bucket/{NAME}"))
        .collect();
    assert_eq!(lines, expected);
    assert_eq!(requests[3].header("if-none-match"), Some("*"));
    assert!(requests[4].body == long);
    assert!(
        requests
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[tokio::test]
async fn each_refusal_has_its_failure() {
    let table = [
        (400, "ExpiredToken", Failure::Denied),
        (400, "AuthorizationHeaderMalformed", Failure::Denied),
        (400, "Strange", Failure::Broken),
        (403, "AccessDenied", Failure::Denied),
        (403, "SignatureDoesNotMatch", Failure::Denied),
        (404, "NoSuchBucket", Failure::NoPlace),
        (301, "PermanentRedirect", Failure::Config),
        (409, "OperationAborted", Failure::Server),
        (500, "InternalError", Failure::Server),
        (503, "SlowDown", Failure::Server),
        (507, "XMinioStorageFull", Failure::Full),
    ];
    for (status, code, expected) in table {
        let server = Server::start(move |_| error(status, code)).await;
        let store = store(anonymous(&server), PATIENT);
        assert_eq!(failure(get(&*store, NAME).await), expected, "GET {code}");
        let put = store.put(NAME, body("x"), false).await;
        assert_eq!(failure(put), expected, "PUT {code}");
        // Nothing was tried twice.
        assert_eq!(server.requests().len(), 2, "{code}");
    }
    let server = Server::start(|_| error(404, "NoSuchKey")).await;
    let store = store(anonymous(&server), PATIENT);
    assert_eq!(get(&*store, NAME).await.unwrap(), None);
    assert_eq!(store.size(NAME).await.unwrap(), None);
    store.delete(NAME).await.unwrap();
    assert!(!store.touch(NAME).await.unwrap());
}

#[tokio::test]
async fn a_server_without_conditions_is_asked_without() {
    let server = Server::start(|request| match request.header("if-none-match") {
        Some(_) => error(501, "NotImplemented"),
        None => Reply::status(200),
    })
    .await;
    let store = store(anonymous(&server), PATIENT);
    assert_eq!(store.put(NAME, body("x"), true).await.unwrap(), Put::Done);
    assert_eq!(server.requests().len(), 2);
    assert_eq!(store.put(NAME, body("x"), true).await.unwrap(), Put::Done);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn bodies_that_break_or_stand_still() {
    let server = Server::start(|_| Reply::Half(vec![1; 1000])).await;
    let broken = store(anonymous(&server), PATIENT);
    assert_eq!(failure(get(&*broken, NAME).await), Failure::Broken);
    assert_eq!(server.requests().len(), 1);

    let server = Server::start(|_| Reply::Stall(vec![1; 1000])).await;
    let still = store(anonymous(&server), HASTY);
    times_out(get(&*still, NAME)).await;

    let server = Server::start(|_| Reply::Silence).await;
    let silent = store(anonymous(&server), HASTY);
    times_out(get(&*silent, NAME)).await;

    let s3 = S3 {
        endpoint: Some(format!("http://127.0.0.1:{}", closed_port())),
        ..anonymous(&server)
    };
    let nobody = store(s3, PATIENT);
    assert_eq!(failure(get(&*nobody, NAME).await), Failure::Connect);
}

#[tokio::test]
async fn a_touch_is_a_copy_of_an_object_onto_itself() {
    let server = Server::start(|_| Reply::body("<CopyObjectResult/>")).await;
    let s3 = S3 {
        server_side_encryption: Some("AES256".into()),
        session_token: Some(Secret::new("t0ken")),
        ..signed(&server)
    };
    let store = store(s3, PATIENT);
    assert!(store.touch(NAME).await.unwrap());
    let requests = server.requests();
    let [request] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!(request.line(), format!("PUT /bucket/{NAME}"));
    let source = format!("/bucket/{NAME}");
    for (name, value) in [
        ("x-amz-copy-source", source.as_str()),
        ("x-amz-metadata-directive", "replace"),
        ("x-amz-server-side-encryption", "aes256"),
        ("x-amz-security-token", "t0ken"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    let signature = request.header("authorization").unwrap();
    assert!(
        signature.starts_with("aws4-hmac-sha256 credential=akidexample/"),
        "{signature}"
    );
    assert!(signature.contains("x-amz-copy-source"), "{signature}");
}

#[tokio::test]
async fn a_bucket_is_made_only_if_that_is_wanted() {
    let respond = |request: &super::server::Request| match request.method.as_str() {
        "GET" => error(404, "NoSuchBucket"),
        _ => Reply::status(200),
    };
    let server = Server::start(respond).await;
    let careful = store(signed(&server), PATIENT);
    assert_eq!(failure(careful.prepare().await), Failure::NoPlace);
    assert_eq!(server.lines(), ["GET /bucket/cache-probe"]);

    let s3 = S3 {
        auto_create: true,
        ..signed(&server)
    };
    store(s3, PATIENT).prepare().await.unwrap();
    assert_eq!(server.lines(), ["GET /bucket/cache-probe", "PUT /bucket"]);
}

#[tokio::test]
async fn the_callers_environment_counts() {
    let server = Server::start(|_| Reply::body("content")).await;
    let variables = [
        ("AWS_ENDPOINT_URL", server.url()),
        ("AWS_REGION", "eu-north-9".to_owned()),
        ("AWS_ACCESS_KEY_ID", "CALLER".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "hunter2".to_owned()),
        ("AWS_SESSION_TOKEN", "t0ken".to_owned()),
    ];
    let environment = variables.map(|(name, value)| (name.to_owned(), Secret::new(value)));
    let s3 = S3 {
        bucket: "bucket".into(),
        environment: environment.to_vec(),
        ..S3::default()
    };
    let store = store(s3, PATIENT);
    get(&*store, NAME).await.unwrap().unwrap();
    let requests = server.requests();
    let signature = requests[0].header("authorization").unwrap();
    assert!(signature.contains("credential=caller/"), "{signature}");
    assert!(signature.contains("/eu-north-9/s3/"), "{signature}");
    assert_eq!(requests[0].header("x-amz-security-token"), Some("t0ken"));
}

#[tokio::test]
async fn listings_go_on_where_they_stopped() {
    let server = Server::start(|request| {
        let entry = |name: &str| {
            format!(
                "<Contents><Key>{name}</Key><Size>3</Size><ETag>\"e\"</ETag>\
                 <LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"
            )
        };
        let (inside, token) = match request.target.contains("continuation-token=") {
            false => (entry("team/ab/a") + &entry("team/ab/b"), "<NextContinuationToken>t</NextContinuationToken>"),
            true => (entry("team/cd/c"), ""),
        };
        let truncated = !token.is_empty();
        Reply::body(format!(
            "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>{truncated}</IsTruncated>{token}{inside}</ListBucketResult>"
        ))
    })
    .await;
    let store = store(anonymous(&server), PATIENT);
    let found = list(&*store, "team").await;
    let names: Vec<&str> = found.iter().map(|listed| listed.name.as_str()).collect();
    assert_eq!(names, ["team/ab/a", "team/ab/b", "team/cd/c"]);
    assert!(
        found
            .iter()
            .all(|listed| listed.size == 3 && listed.modified.is_some())
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(
        requests[0].target.contains("prefix=team/")
            || requests[0].target.contains("prefix=team%2F"),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_large_object_goes_in_parts_and_is_given_up_whole() {
    let size = (8 << 20) + 1;
    let respond = |refused: bool| {
        move |request: &super::server::Request| {
            let target = request.target.as_str();
            match request.method.as_str() {
                "POST" if target.contains("uploads") => Reply::body(
                    "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>",
                ),
                "PUT" if refused && target.contains("partNumber=2") => {
                    error(507, "XMinioStorageFull")
                }
                "PUT" => Reply::Whole(200, "etag: \"e\"\r\n".to_owned(), Vec::new()),
                "DELETE" => Reply::status(204),
                _ if request.header("if-none-match").is_some() => error(412, "PreconditionFailed"),
                _ => Reply::body(
                    "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>",
                ),
            }
        }
    };
    let methods = |server: &Server| -> Vec<String> {
        let requests = server.requests();
        requests
            .iter()
            .map(|request| request.method.clone())
            .collect()
    };
    let directory = tempfile::tempdir().unwrap();
    let large = || file(&directory, &vec![7; size]);

    let server = Server::start(respond(false)).await;
    let kept = store(anonymous(&server), PATIENT);
    assert_eq!(kept.put(NAME, large(), false).await.unwrap(), Put::Done);
    assert_eq!(methods(&server), ["POST", "PUT", "PUT", "POST"]);
    // The condition is that of the last request; the parts go.
    assert_eq!(kept.put(NAME, large(), true).await.unwrap(), Put::Exists);
    assert_eq!(methods(&server), ["POST", "PUT", "PUT", "POST", "DELETE"]);

    let server = Server::start(respond(true)).await;
    let full = store(anonymous(&server), PATIENT);
    assert_eq!(failure(full.put(NAME, large(), false).await), Failure::Full);
    assert_eq!(methods(&server), ["POST", "PUT", "PUT", "DELETE"]);
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let server = Server::start(|_| Reply::body("content")).await;
    let nowhere = "/nonexistent/aws";
    let environment = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", nowhere),
        ("AWS_SHARED_CREDENTIALS_FILE", nowhere),
    ]
    .map(|(name, value)| (name.to_owned(), Secret::new(value)));
    let s3 = S3 {
        anonymous: false,
        environment: environment.to_vec(),
        ..anonymous(&server)
    };
    let store = store(s3, PATIENT);
    let error = get(&*store, NAME).await.unwrap_err();
    assert_eq!(error.failure, Failure::Denied, "{error}");
    assert!(server.requests().is_empty());
}
