//! Three Redis servers that share the keys: one that is asked for another's key
//! redirects.

use std::sync::OnceLock;

use super::redis::{self, Ports, Redis};
use crate::resp::{Reply, Resp};

/// Keys are spread over this many slots.
const SLOTS: usize = 16384;
const NODES: usize = 3;

/// A running cluster.
pub struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    /// The cluster that all tests of this process share. `None`, said loudly: Redis
    /// is not installed.
    pub fn shared() -> Option<&'static Cluster> {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        redis::present().then(|| SHARED.get_or_init(|| super::start(|| attempt(""))))
    }

    /// A cluster for one test with more lines of configuration for each node.
    pub fn start(more: &str) -> Option<Cluster> {
        redis::present().then(|| super::start(|| attempt(more)))
    }

    /// The nodes, by the slots that they have.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }
}

fn attempt(more: &str) -> Result<Cluster, String> {
    let mut nodes = Vec::new();
    let mut buses = Vec::new();
    for _ in 0..NODES {
        let [plain, tls, bus] = super::free_ports();
        let ports = Ports {
            plain,
            tls,
            bus: Some(bus),
        };
        nodes.push(Redis::attempt(ports, more)?);
        buses.push(bus);
    }
    let mut clients: Vec<Resp> = nodes.iter().map(Redis::admin).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let first = number * SLOTS / NODES;
        let last = (number + 1) * SLOTS / NODES - 1;
        let (first, last) = (first.to_string(), last.to_string());
        expect_ok(client, &["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        let epoch = (number + 1).to_string();
        expect_ok(client, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
    }
    for (node, bus) in nodes.iter().zip(&buses).skip(1) {
        let (port, bus) = (node.port().to_string(), bus.to_string());
        expect_ok(
            &mut clients[0],
            &["CLUSTER", "MEET", "127.0.0.1", &port, &bus],
        );
    }
    super::eventually("the nodes form a cluster", || {
        clients.iter_mut().all(|client| {
            let information = client.call(&["CLUSTER", "INFO"]).unwrap().text();
            information.contains("cluster_state:ok")
                && information.contains("cluster_known_nodes:3")
                && information.contains("cluster_slots_ok:16384")
        })
    });
    Ok(Cluster { nodes })
}

fn expect_ok(client: &mut Resp, words: &[&str]) {
    let reply = client.call(words).unwrap();
    assert_eq!(reply, Reply::Simple("OK".into()), "{words:?}");
}
