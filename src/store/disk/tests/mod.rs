//! Tests of the disk store.

mod contract;
