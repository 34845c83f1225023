//! The story of one call.
pub mod direct;
pub mod shadow;
