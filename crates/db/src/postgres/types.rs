//! How values travel to and from PostgreSQL: the type of the column decides, so that a null needs no type.

use bytes::BytesMut;
use denizen_kit::time::Timestamp;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::error::Reason;
use crate::value::Value;

type Failure = Box<dyn std::error::Error + Sync + Send>;

/// Microseconds from the Unix epoch to PostgreSQL's, 2000-01-01 (PostgreSQL 15 §8.5).
const EPOCH: i64 = 946_684_800_000_000;

/// Stands for a value of any type that is not looked at.
pub(crate) struct Any;

impl FromSql<'_> for Any {
    fn from_sql(_: &Type, _: &[u8]) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A `timestamptz` as Unix microseconds.
pub(crate) struct Micros(pub(crate) i64);

impl FromSql<'_> for Micros {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Failure> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?).saturating_add(EPOCH)))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

/// A whole number of any width.
pub(crate) struct Whole(pub(crate) i64);

impl FromSql<'_> for Whole {
    fn from_sql(ty: &Type, raw: &[u8]) -> Result<Self, Failure> {
        match *ty {
            Type::INT2 => i16::from_sql(ty, raw).map(|value| Self(value.into())),
            Type::INT4 => i32::from_sql(ty, raw).map(|value| Self(value.into())),
            _ => i64::from_sql(ty, raw).map(Self),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8)
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Bool(value) => plain(value.as_ref(), ty, out),
            Self::Int(value) => whole(*value, ty, out),
            Self::Text(value) => plain(value.as_ref(), ty, out),
            Self::Bytes(value) => plain(value.as_ref(), ty, out),
            Self::Time(value) => time(*value, ty, out),
            Self::Id(value) => plain(value.as_ref(), ty, out),
            Self::Json(value) => plain(value.as_ref(), ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn plain<T: ToSql>(value: Option<&T>, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
    let Some(value) = value else { return Ok(IsNull::Yes) };
    if !T::accepts(ty) {
        return Err(other_type(ty));
    }
    value.to_sql(ty, out)
}

fn whole(value: Option<i64>, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
    let Some(value) = value else { return Ok(IsNull::Yes) };
    match *ty {
        Type::INT2 => i16::try_from(value)?.to_sql(ty, out),
        Type::INT4 => i32::try_from(value)?.to_sql(ty, out),
        Type::INT8 => value.to_sql(ty, out),
        _ => Err(other_type(ty)),
    }
}

fn time(value: Option<Timestamp>, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
    let Some(value) = value else { return Ok(IsNull::Yes) };
    if *ty != Type::TIMESTAMPTZ {
        return Err(other_type(ty));
    }
    out.extend_from_slice(&(value.as_microsecond() - EPOCH).to_be_bytes());
    Ok(IsNull::No)
}

fn other_type(ty: &Type) -> Failure {
    Box::new(Reason(format!("an argument is of another kind than its column, which is {ty}")))
}
