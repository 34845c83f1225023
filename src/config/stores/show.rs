//! A store's settings for people and tools.

use super::super::assign::Shown;
use super::super::value::{SizeLimit, show_duration, show_timeout};
use super::keys::{Field, STORE_KEYS, Slot};
use super::{Service, StoreConfig, Trust, values};

/// Stands for a secret.
const HIDDEN: &str = "<hidden>";

/// The keys of a store that have a value, in the order of the table. Secrets are
/// hidden.
pub fn show(store: &StoreConfig) -> Vec<(&'static str, Shown)> {
    // The table has one accessor per field, for writing; a copy is written to
    // instead of having a second one for reading.
    let store = &mut store.clone();
    let kind = store.service.type_name();
    let rows = STORE_KEYS.iter().filter(|key| key.types.contains(&kind));
    rows.map(|key| (key.name, key.field.show(store)))
        .filter(|(_, shown)| *shown != Shown::None)
        .collect()
}

impl Service {
    /// What `type` calls it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Service::S3(_) => "s3",
            Service::Http(_) => "http",
            Service::Redis(_) => "redis",
            Service::Directory { .. } => "directory",
            Service::Memcached { .. } => "memcached",
            Service::Gcs { .. } => "gcs",
            Service::Azblob { .. } => "azblob",
        }
    }
}

impl<T: Clone> Slot<T> {
    /// Sets the field; `false` if there is none.
    pub(super) fn put(&self, store: &mut StoreConfig, value: T) -> bool {
        match self {
            Slot::Plain(field) => field(store).map(|field| *field = value).is_some(),
            Slot::Maybe(field) => field(store).map(|field| *field = Some(value)).is_some(),
        }
    }

    /// A copy of the field, `None` if there is none or it is empty.
    pub(super) fn get(&self, store: &mut StoreConfig) -> Option<T> {
        match self {
            Slot::Plain(field) => field(store).cloned(),
            Slot::Maybe(field) => field(store).and_then(|field| field.clone()),
        }
    }

    fn applies(&self, store: &mut StoreConfig) -> bool {
        match self {
            Slot::Plain(field) => field(store).is_some(),
            Slot::Maybe(field) => field(store).is_some(),
        }
    }
}

impl Field {
    /// Whether `store` has this field.
    pub(super) fn applies(&self, store: &mut StoreConfig) -> bool {
        match self {
            Field::Type | Field::Name | Field::Verify => true,
            Field::BothPrefixes | Field::WritePrefix | Field::ReadPrefixes => true,
            Field::Size(_) | Field::Timeout(_) => true,
            Field::Switch(slot) => slot.applies(store),
            Field::Layout(slot) => slot.applies(store),
            Field::Secret(slot) => slot.applies(store),
            Field::Headers(slot) => slot.applies(store),
            Field::Path(slot) | Field::KeyFile(slot) => slot.applies(store),
            Field::Age(slot) => slot.applies(store),
            Field::Bucket(slot)
            | Field::Text(slot)
            | Field::Choice(_, slot)
            | Field::Url(slot)
            | Field::HostPort(slot) => slot.applies(store),
            Field::RedisUrls(slot) | Field::PublicKeys(slot) => slot.applies(store),
        }
    }

    /// The value, [`Shown::None`] if there is none.
    pub(super) fn show(&self, store: &mut StoreConfig) -> Shown {
        let text = |text: Option<String>| text.map_or(Shown::None, Shown::Text);
        match self {
            Field::Type => Shown::Text(store.service.type_name().to_owned()),
            Field::Name => Shown::Text(store.name.clone()),
            Field::Verify => Shown::Text(store.trust.name().to_owned()),
            // The other two say it.
            Field::BothPrefixes => Shown::None,
            Field::WritePrefix => {
                let prefix = Some(store.write_prefix.clone());
                text(prefix.filter(|prefix| !prefix.is_empty()))
            }
            // The top alone is no prefix.
            Field::ReadPrefixes if store.read_prefixes == [""] => Shown::None,
            Field::ReadPrefixes => list(store.read_prefixes.clone()),
            Field::Switch(slot) => slot.get(store).map_or(Shown::None, Shown::Switch),
            Field::Bucket(slot)
            | Field::Text(slot)
            | Field::Choice(_, slot)
            | Field::Url(slot)
            | Field::HostPort(slot) => text(slot.get(store)),
            Field::Layout(slot) => text(slot.get(store).map(|l| values::show_layout(l).to_owned())),
            Field::Secret(slot) => text(slot.get(store).map(|_| HIDDEN.to_owned())),
            Field::Headers(slot) => {
                let headers = slot.get(store).unwrap_or_default();
                let names = headers.iter().map(|(name, _)| format!("{name}: {HIDDEN}"));
                list(names.collect())
            }
            Field::Path(slot) | Field::KeyFile(slot) => text(
                slot.get(store)
                    .map(|path| path.to_string_lossy().into_owned()),
            ),
            Field::Size(field) => {
                let limit = field(store).map_or(SizeLimit::Unlimited, SizeLimit::Bytes);
                Shown::Text(limit.to_string())
            }
            Field::Timeout(field) => Shown::Text(show_timeout(*field(store))),
            Field::Age(slot) => text(slot.get(store).map(show_duration)),
            Field::RedisUrls(slot) | Field::PublicKeys(slot) => {
                list(slot.get(store).unwrap_or_default())
            }
        }
    }
}

impl Trust {
    /// What `verify` calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Trust::Checksum => "checksum",
            Trust::Hmac { .. } => "hmac",
            Trust::Ed25519 { .. } => "ed25519",
        }
    }
}

fn list(items: Vec<String>) -> Shown {
    match items.is_empty() {
        true => Shown::None,
        false => Shown::List(items),
    }
}
