//! The contract that every store keeps.

use super::*;
