//! Routes of the operator and of dialects, to this system's own faces and to upstreams.

pub(crate) mod aggregate;
pub(crate) mod transform;
