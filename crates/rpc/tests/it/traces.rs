//! A trace goes through a link into this process as it goes out to another.

use std::sync::Arc;

use denizen_kit::cx::{Call, Cx};
use denizen_kit::time::Clock;
use denizen_kit::trace::{Kind, Record, TraceContext, Value};

use crate::support::{House, everywhere};
use crate::{cx, events};

const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A context within this trace.
fn within(trace: &str) -> (Cx, TraceContext) {
    let trace = TraceContext::parse(trace).unwrap();
    let call = Call { trace: Some(trace), ..Call::clone(cx().call()) };
    (Cx::new(Arc::new(call), Clock::System), trace)
}

fn said(record: &Record, key: &str) -> Option<Value> {
    record.attributes.iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone())
}

#[tokio::test]
async fn a_call_has_a_span_on_each_side_and_its_op_goes_on_from_there() {
    everywhere(async |house: &House| {
        let (cx, came) = within(SAMPLED);
        house.log(&cx).events(events("echo")).await.unwrap();
        let [op, client] = <[Record; 2]>::try_from(house.records.take()).unwrap();
        assert_eq!((client.kind, op.kind), (Kind::Client, Kind::Server));
        assert_eq!(client.parent, Some(came.span_id()));
        assert_eq!(op.parent, Some(client.context.span_id()));
        assert_eq!(op.context.trace_id(), came.trace_id());
        let seen = house.seen.lock().unwrap().clone().unwrap();
        assert_eq!(seen.trace, Some(op.context));
        for record in [op, client] {
            assert_eq!(record.name, "denizen.events.internal.v1.EventLog/Events");
            assert_eq!(said(&record, "rpc.system"), Some("grpc".into()));
            assert_eq!(said(&record, "rpc.service"), Some("denizen.events.internal.v1.EventLog".into()));
            assert_eq!(said(&record, "rpc.method"), Some("Events".into()));
            assert_eq!(said(&record, "rpc.grpc.status_code"), Some(Value::Number(0)));
            assert_eq!(said(&record, "denizen.request_id"), Some("request-1".into()));
            assert!(record.attributes.len() == 5 && !record.is_error);
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_an_error_to_who_asked_and_a_failure_to_both() {
    everywhere(async |house: &House| {
        for (what, code, is_fault) in [("problem", 3, false), ("panic", 13, true)] {
            let (cx, _) = within(SAMPLED);
            house.log(&cx).events(events(what)).await.unwrap_err();
            let [op, client] = <[Record; 2]>::try_from(house.records.take()).unwrap();
            assert_eq!((op.is_error, client.is_error), (is_fault, true), "{what}");
            for record in [op, client] {
                assert_eq!(said(&record, "rpc.grpc.status_code"), Some(Value::Number(code)), "{what}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_recorded_goes_on_as_it_is() {
    everywhere(async |house: &House| {
        let (cx, came) = within(&SAMPLED.replace("-01", "-00"));
        house.log(&cx).events(events("echo")).await.unwrap();
        let seen = house.seen.lock().unwrap().clone().unwrap();
        assert_eq!(seen.trace, Some(came));
        house.log(&crate::cx()).events(events("echo")).await.unwrap();
        let seen = house.seen.lock().unwrap().clone().unwrap();
        assert_eq!(seen.trace, None);
        assert!(house.records.take().is_empty());
    })
    .await;
}
