//! Which node of a cluster has which keys.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use redis::{Value, cmd};

use super::node::{Fault, Node, Nodes};
use crate::agent::backend::{Error, Result};

/// Slots of a cluster, by its specification.
const SLOTS: u16 = 16384;

/// The last slot of each range and the node that has it.
type Map = BTreeMap<u16, Node>;

/// What is known of a cluster's slots; asked for when needed.
#[derive(Default)]
pub(super) struct Slots(Mutex<Option<Map>>);

impl Slots {
    /// Something was not where it should be: ask again next time.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The node that has a slot.
    ///
    /// # Errors
    ///
    /// Those of asking all the nodes that the section names, if none knows.
    pub(super) async fn node(&self, slot: u16, nodes: &Nodes) -> Result<Node> {
        let map = self.map(nodes).await?;
        let found = map.range(slot..).next();
        // A hole in the map: its neighbour will send us to where it is.
        let found = found.or_else(|| map.iter().next_back());
        let (_, node) = found.ok_or_else(|| Error::broken("the cluster", "no node has slots"))?;
        Ok(node.clone())
    }

    /// The nodes that have slots, sorted.
    ///
    /// # Errors
    ///
    /// As [`Slots::node`].
    pub(super) async fn masters(&self, nodes: &Nodes) -> Result<Vec<Node>> {
        let mut masters: Vec<Node> = self.map(nodes).await?.into_values().collect();
        masters.sort();
        masters.dedup();
        Ok(masters)
    }

    async fn map(&self, nodes: &Nodes) -> Result<Map> {
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(map) = known {
            return Ok(map);
        }
        let mut failed = None;
        for node in nodes.named() {
            match ask(node, nodes).await {
                Ok(map) => {
                    let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    *known = Some(map.clone());
                    return Ok(map);
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| Error::config("no node of the cluster is named")))
    }
}

async fn ask(node: &Node, nodes: &Nodes) -> Result<Map> {
    let link = nodes.link(node).await?;
    let mut request = cmd("CLUSTER");
    request.arg("SLOTS");
    let answer: Value = link.ask(&request, 0).await.map_err(Fault::into_error)?;
    let strange = || Error::broken(&node.place(), "CLUSTER SLOTS makes no sense");
    let Value::Array(ranges) = answer else {
        return Err(strange());
    };
    let mut map = Map::new();
    for range in ranges {
        // First slot, last slot, master, replicas; a node is host, port and more.
        let Value::Array(range) = range else {
            return Err(strange());
        };
        let (Some(Value::Int(last)), Some(Value::Array(master))) = (range.get(1), range.get(2))
        else {
            return Err(strange());
        };
        let (Some(host), Some(Value::Int(port))) = (master.first(), master.get(1)) else {
            return Err(strange());
        };
        let host = match host {
            Value::BulkString(host) => String::from_utf8_lossy(host).into_owned(),
            Value::SimpleString(host) => host.clone(),
            // It does not know its own name: that under which we asked.
            _ => String::new(),
        };
        let last = u16::try_from(*last).map_err(|_| strange())?;
        map.insert(last, nodes.beside(node, &format!("{host}:{port}"))?);
    }
    match map.is_empty() {
        true => Err(Error::broken(&node.place(), "no node has slots")),
        false => Ok(map),
    }
}

/// The slot of a key: CRC-16 (XMODEM) of it, or of its part in braces.
pub(super) fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let len = rest.iter().position(|byte| *byte == b'}')?;
        (len > 0).then(|| &rest[..len])
    });
    let crc = tag.unwrap_or(key).iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| match crc & 0x8000 {
            0 => crc << 1,
            _ => crc << 1 ^ 0x1021,
        })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::slot_of;

    #[test]
    fn slots_are_those_of_the_specification() {
        // The check value of CRC-16/XMODEM.
        assert_eq!(slot_of(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"bar{foo}baz"), slot_of(b"foo"));
        // Empty braces are no tag.
        assert_ne!(slot_of(b"{}foo"), slot_of(b"{}bar"));
    }
}
