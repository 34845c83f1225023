//! x
use super::{Limits, Store};
pub fn run(_m: &dyn Fn(Limits) -> Box<dyn Store>) {}
