//! `cache store check`: is a store usable, and if not, what is the way out?

use std::sync::Arc;

use super::backend::{self, Body, Failure};
use super::envelope;
use super::housekeeping::{failed, text};
use super::spill::Spill;
use super::tier::Tier;
use crate::hash::KeyHasher;
use crate::store::remote::place::Place;
use crate::store::remote::protocol::{Reply, Trouble};

/// Tries every store, or one, from end to end.
pub async fn check(
    place: &Place,
    tiers: &[Arc<Tier>],
    trouble: Vec<Trouble>,
    store: Option<&str>,
) -> Reply {
    let mut lines = Vec::new();
    let mut all_well = true;
    let wanted = |name: &str| store.is_none_or(|store| store == name);
    for trouble in trouble.iter().filter(|trouble| wanted(&trouble.store)) {
        all_well = false;
        lines.push(format!("store {}: {}", trouble.store, trouble.text));
    }
    for tier in tiers.iter().filter(|tier| wanted(tier.name())) {
        match check_one(place, tier).await {
            Ok(what) => lines.push(format!("store {}: {what}", tier.name())),
            Err(what) => {
                all_well = false;
                lines.push(format!("store {}: {what}", tier.name()));
            }
        }
    }
    if lines.is_empty() {
        return match store {
            Some(store) => failed(format!("there is no store {store:?}")),
            None => text("no remote store is configured".into()),
        };
    }
    Reply::Text {
        text: lines.join("\n"),
        failed: !all_well,
    }
}

/// What to do about a failure.
fn way_out(error: &backend::Error) -> &'static str {
    // What servers and TLS say more exactly than a status does.
    const WORDS: &[(&str, &str)] = &[
        (
            "TooSkewed",
            "is the clock of this machine right? Requests are signed with its time",
        ),
        (
            "ExpiredToken",
            "the session token has had its time: get a new one",
        ),
        (
            "InvalidToken",
            "is the session token one of these credentials?",
        ),
        (
            "SignatureDoesNotMatch",
            "are the credentials right? The secret key is not that of this access key",
        ),
        (
            "InvalidAccessKeyId",
            "are the credentials right? The server does not know this access key",
        ),
        (
            "UnknownIssuer",
            "name the server's authority in ca_file, if it is to be trusted",
        ),
        (
            "certificate",
            "is the address the one in the server's certificate, and is that still good? \
             ca_file names an authority of your own",
        ),
    ];
    let word = WORDS.iter().find(|(word, _)| error.text.contains(word));
    if let Some((_, hint)) = word {
        return hint;
    }
    match error.failure {
        Failure::Denied => "are the credentials right, and may they do that?",
        Failure::NoPlace => "make it, or set auto_create (of S3)",
        Failure::Connect => "is the address right, and the server up?",
        Failure::Timeout => "is it slow or filtered? See connect_timeout, response_timeout",
        Failure::Full => "it has no room: raise its limit, or see cache clean --store",
        Failure::TooLarge => "the server takes no object of this size: raise its limit",
        Failure::Server => "that is the server's own trouble: its log tells more",
        Failure::Broken => "does the address lead to a server of this type?",
        Failure::Unsupported => "this server cannot do that; does the type of the store fit it?",
        Failure::Config => "see the settings of this store in cache config",
    }
}

async fn check_one(place: &Place, tier: &Arc<Tier>) -> Result<String, String> {
    let say =
        |step: &str, error: backend::Error| format!("{step}: {}; {}", error.text, way_out(&error));
    let mut hasher = KeyHasher::new("check");
    let unique = crate::sys::unique::random().to_le_bytes();
    hasher.field("unique", &unique);
    let key = hasher.finish();
    let name = tier.write_name("", &key.hex());
    if !tier.is_written() {
        let names = tier.read_names("", &key.hex());
        let name = names.first().unwrap_or(&name);
        return match tier.backend.size(name).await {
            Ok(_) => Ok("can be read; it is not written to".into()),
            Err(error) => Err(say("read", error)),
        };
    }
    tier.backend
        .prepare()
        .await
        .map_err(|error| say("prepare", error))?;
    let content = [b"a check, to be deleted: ".as_slice(), &unique].concat();
    let mut sealed = std::io::Cursor::new(Vec::new());
    envelope::seal(
        &content[..],
        content.len() as u64,
        &key,
        &tier.keys,
        &mut sealed,
    )
    .map_err(|error| error.to_string())?;
    let body = Body::Bytes(sealed.into_inner().into());
    let begun = std::time::Instant::now();
    tier.backend
        .put(&name, body, false)
        .await
        .map_err(|error| say("write", error))?;
    let mut object = Spill::new(place.directory());
    let got = tier.backend.get(&name, &mut object).await;
    let deleted = tier.backend.delete(&name).await;
    match got {
        Err(error) => return Err(say("read", error)),
        Ok(None) => return Err("read: what was written is not there".into()),
        Ok(Some(_)) => {}
    }
    let (length, mut back) = (object.len(), Vec::new());
    let reader = object.into_reader().map_err(|error| error.to_string())?;
    envelope::open(reader, length, &key, &tier.keys, &mut back)
        .map_err(|error| format!("compare: {error}"))?;
    if back != content {
        return Err("compare: something else came back than was written".into());
    }
    let took = begun.elapsed().as_millis();
    if let Err(error) = deleted {
        return Err(say("delete", error));
    }
    tier.reading.worked();
    tier.writing.worked();
    Ok(format!("works (write, read, compare, delete: {took} ms)"))
}
