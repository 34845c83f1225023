//! What an error of a library or of the system is called here.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;

use super::{Error, Failure};

impl Error {
    /// A failure and its words. The caller sees to it that there is no secret in them.
    pub(super) fn new(failure: Failure, text: impl Into<String>) -> Error {
        Error {
            failure,
            text: text.into(),
        }
    }

    /// Settings that cannot be used.
    pub(super) fn config(text: impl Into<String>) -> Error {
        Error::new(Failure::Config, text)
    }

    /// A deadline that passed while waiting for `what`.
    pub(super) fn late(place: &str, what: &str, limit: Duration) -> Error {
        let text = format!("{place}: {what} within {} ms", limit.as_millis());
        Error::new(Failure::Timeout, text)
    }

    /// An answer that is none.
    pub(super) fn broken(place: &str, what: impl std::fmt::Display) -> Error {
        Error::new(Failure::Broken, format!("{place}: {what}"))
    }
}

/// Of an HTTP status that is no success. 404 is the caller's to judge.
pub(super) fn of_status(status: StatusCode) -> Failure {
    match status.as_u16() {
        300..=399 => Failure::Config,
        401 | 403 | 407 => Failure::Denied,
        413 => Failure::TooLarge,
        507 => Failure::Full,
        405 | 501 => Failure::Unsupported,
        408 => Failure::Timeout,
        // A conflict with another writer passes, as does "too many requests".
        409 | 425 | 429 | 500..=599 => Failure::Server,
        _ => Failure::Broken,
    }
}

/// Of an error code in the body of an object store's answer; `None`: the status
/// says it all.
pub(super) fn of_code(code: &str) -> Option<Failure> {
    Some(match code {
        "NoSuchBucket" | "ContainerNotFound" => Failure::NoPlace,
        // These come with 400 as well as with 403.
        "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "AccessDenied"
        | "ExpiredToken"
        | "InvalidToken"
        | "InvalidSecurity"
        | "RequestTimeTooSkewed"
        | "AuthenticationFailed"
        | "AuthorizationHeaderMalformed"
        | "MissingSecurityHeader"
        | "TokenRefreshRequired" => Failure::Denied,
        "EntityTooLarge" | "RequestBodyTooLarge" => Failure::TooLarge,
        "QuotaExceeded" | "XMinioStorageFull" => Failure::Full,
        "PermanentRedirect" | "TemporaryRedirect" | "InvalidBucketName" => Failure::Config,
        "NotImplemented" => Failure::Unsupported,
        "RequestTimeout" | "SlowDown" | "InternalError" | "ServiceUnavailable" => Failure::Server,
        _ => return None,
    })
}

/// Of an error of the system on a file or directory.
pub(super) fn of_file(error: &io::Error) -> Failure {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => Failure::Full,
        Kind::FileTooLarge => Failure::TooLarge,
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Failure::Denied,
        Kind::NotFound => Failure::NoPlace,
        Kind::TimedOut => Failure::Timeout,
        Kind::StaleNetworkFileHandle
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NotConnected => Failure::Connect,
        _ => Failure::Broken,
    }
}

/// Of an error on a connection that stood.
pub(super) fn of_connection(place: &str, error: &io::Error) -> Error {
    let failure = match error.kind() {
        io::ErrorKind::TimedOut => Failure::Timeout,
        io::ErrorKind::ConnectionRefused => Failure::Connect,
        _ => Failure::Broken,
    };
    Error::new(failure, format!("{place}: {}", last_cause(error)))
}

/// Of an error of the HTTP client.
pub(super) fn of_request(place: &str, error: reqwest::Error) -> Error {
    // The URL may hold a signature.
    let error = error.without_url();
    let failure = if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connect() {
        Failure::Connect
    } else if error.is_redirect() || error.is_builder() {
        Failure::Config
    } else {
        Failure::Broken
    };
    let what = match failure {
        Failure::Timeout if error.is_connect() => "no connection in time".to_owned(),
        Failure::Connect => format!("no connection: {}", last_cause(&error)),
        _ => last_cause(&error),
    };
    Error::new(failure, format!("{place}: {what}"))
}

/// The innermost of the errors behind one, which is the one that says something.
pub(super) fn last_cause(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
