//! `cache config`.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::Desk;
use super::args::{ConfigCommand, Format};
use super::output;
use crate::config::stores::{StoreConfig, show};
use crate::config::{
    self, Config, Environment, KEYS, Key, Origin, Shown, set_user_key, unset_user_key,
};

pub fn run(desk: &Desk, format: Format, command: Option<ConfigCommand>) -> anyhow::Result<String> {
    match command {
        None => {
            let config = desk.config()?;
            let stores = config.stores(&desk.env)?;
            warn(&config, &desk.env);
            Ok(match format {
                Format::Human => human(&config, &stores, &desk.env),
                Format::Json => json(&config, &stores, &desk.env),
            })
        }
        Some(ConfigCommand::Get { key }) => {
            let key = config::find(&key).with_context(|| {
                format!("there is no key `{key}`; `cache config` lists them all")
            })?;
            Ok(format!("{}\n", desk.config()?.show(key)))
        }
        // Works on a file that is wrong, to put it right.
        Some(ConfigCommand::Set { key, value }) => {
            let path = set_user_key(&desk.env, &desk.cwd, &key, &value)?;
            if let (Some(key), Ok(config)) = (config::find(&key), desk.config()) {
                say_if_overruled(key, &config);
            }
            Ok(format!("Set {key} in {}\n", path.display()))
        }
        Some(ConfigCommand::Unset { key }) => {
            let path = unset_user_key(&desk.env, &key)?;
            Ok(format!("{key} is not set in {}\n", path.display()))
        }
    }
}

fn warn(config: &Config, env: &Environment) {
    for note in config.notes.iter().chain(&config.store_notes(env)) {
        output::complain("warning", note);
    }
    for name in config.unknown_variables(env) {
        output::complain(
            "warning",
            &format!("{name} in the environment has no effect"),
        );
    }
}

fn say_if_overruled(key: &Key, config: &Config) {
    let origin = config.origin(key);
    if matches!(origin, Origin::Environment(_) | Origin::ProjectFile(_)) {
        output::complain("warning", &format!("here, {origin} overrules it"));
    }
}

fn human(config: &Config, stores: &[StoreConfig], env: &Environment) -> String {
    let rows: Vec<[String; 3]> = KEYS
        .iter()
        .map(|key| {
            let value = config.show(key).to_string();
            [key.name.to_owned(), value, config.origin(key).to_string()]
        })
        .collect();
    let mut text = output::columns(&rows);
    for store in stores {
        text.push_str(&format!("\n[[store]], from {}\n", config.store_origin(env)));
        let rows: Vec<[String; 2]> = show(store)
            .into_iter()
            .map(|(key, value)| [format!("  {key}"), value.to_string()])
            .collect();
        text.push_str(&output::columns(&rows));
    }
    if let Some(path) = config::user_file(env) {
        text.push_str(&format!("\nYour own file: {}\n", path.display()));
    }
    text
}

fn json(config: &Config, stores: &[StoreConfig], env: &Environment) -> String {
    let value = |shown: Shown| match shown {
        Shown::None => Value::Null,
        Shown::Switch(value) => value.into(),
        Shown::Number(number) => number.into(),
        Shown::Text(text) => text.into(),
        Shown::List(items) => items.into(),
    };
    let origin = |origin: Origin| match origin {
        Origin::Default => json!({"from": "default"}),
        Origin::UserFile(path) => json!({"from": "user file", "path": path.to_string_lossy()}),
        Origin::ProjectFile(path) => {
            json!({"from": "project file", "path": path.to_string_lossy()})
        }
        Origin::Environment(name) => json!({"from": "environment", "variable": name}),
    };
    let mut map: Map<String, Value> = KEYS
        .iter()
        .map(|key| {
            let row = json!({
                "value": value(config.show(key)),
                "origin": origin(config.origin(key)),
            });
            (key.name.to_owned(), row)
        })
        .collect();
    let stores: Vec<Value> = stores
        .iter()
        .map(|store| {
            let rows = show(store).into_iter();
            let rows = rows.map(|(key, shown)| (key.to_owned(), value(shown)));
            Value::Object(rows.collect())
        })
        .collect();
    let row = json!({"value": stores, "origin": origin(config.store_origin(env))});
    map.insert("store".to_owned(), row);
    format!("{:#}\n", Value::Object(map))
}
