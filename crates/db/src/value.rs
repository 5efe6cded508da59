//! [`Value`]: the seven kinds of values that both engines keep, and [`args!`](crate::args) to list them.
//!
//! | kind | PostgreSQL | SQLite |
//! |---|---|---|
//! | `Bool` | boolean | INTEGER 0 or 1 |
//! | `Int` | bigint, integer, smallint | INTEGER |
//! | `Text` | text | TEXT |
//! | `Bytes` | bytea | BLOB |
//! | `Time` | timestamptz | INTEGER, Unix microseconds |
//! | `Id` | uuid | BLOB, 16 bytes |
//! | `Json` | jsonb | TEXT |

use std::fmt;

use denizen_kit::id::Id;
use denizen_kit::time::Timestamp;
use uuid::Uuid;

/// A value, or a null of its kind.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// True or false.
    Bool(Option<bool>),
    /// A whole number.
    Int(Option<i64>),
    /// A text.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
    /// A time, kept in microseconds.
    Time(Option<Timestamp>),
    /// An id.
    Id(Option<Uuid>),
    /// A JSON document.
    Json(Option<serde_json::Value>),
}

/// The arguments of a statement: the first is `$1`.
pub type Args = Vec<Value>;

/// Lists the arguments of a statement: `args![id, name, now]`.
#[macro_export]
macro_rules! args {
    () => { ::std::vec::Vec::<$crate::Value>::new() };
    ($($value:expr),+ $(,)?) => { ::std::vec![$($crate::Value::from($value)),+] };
}

// === impl Value ===

impl fmt::Debug for Value {
    /// Shows the kind and whether it is null, never the value: drivers log arguments by this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, null) = match self {
            Self::Bool(value) => ("Bool", value.is_none()),
            Self::Int(value) => ("Int", value.is_none()),
            Self::Text(value) => ("Text", value.is_none()),
            Self::Bytes(value) => ("Bytes", value.is_none()),
            Self::Time(value) => ("Time", value.is_none()),
            Self::Id(value) => ("Id", value.is_none()),
            Self::Json(value) => ("Json", value.is_none()),
        };
        write!(f, "{kind}({})", if null { "null" } else { "…" })
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(Some(value))
    }
}

impl From<Option<bool>> for Value {
    fn from(value: Option<bool>) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(Some(value.into()))
    }
}

impl From<Option<i32>> for Value {
    fn from(value: Option<i32>) -> Self {
        Self::Int(value.map(i64::from))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(Some(value.into()))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(Some(value))
    }
}

impl From<&Vec<u8>> for Value {
    fn from(value: &Vec<u8>) -> Self {
        Self::Bytes(Some(value.clone()))
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(value: Option<Vec<u8>>) -> Self {
        Self::Bytes(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

impl From<Option<&[u8]>> for Value {
    fn from(value: Option<&[u8]>) -> Self {
        Self::Bytes(value.map(<[u8]>::to_vec))
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Time(Some(value))
    }
}

impl From<Option<Timestamp>> for Value {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Time(value)
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Id(Some(value))
    }
}

impl From<Option<Uuid>> for Value {
    fn from(value: Option<Uuid>) -> Self {
        Self::Id(value)
    }
}

impl<K> From<Id<K>> for Value {
    fn from(value: Id<K>) -> Self {
        Self::Id(Some(value.uuid()))
    }
}

impl<K> From<Option<Id<K>>> for Value {
    fn from(value: Option<Id<K>>) -> Self {
        Self::Id(value.map(Id::uuid))
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        Self::Json(Some(value))
    }
}

impl From<Option<serde_json::Value>> for Value {
    fn from(value: Option<serde_json::Value>) -> Self {
        Self::Json(value)
    }
}
