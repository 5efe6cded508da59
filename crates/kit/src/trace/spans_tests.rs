//! Who begins a trace, who goes on with one, and how much waits.

use super::*;

const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

fn tracer(share: &str) -> (Tracer, Records) {
    Tracer::new(share.parse().unwrap(), Clock::manual(Timestamp::UNIX_EPOCH))
}

#[test]
fn one_that_is_off_changes_nothing() {
    let tracer = Tracer::off();
    let came = TraceContext::parse(SAMPLED);
    let (context, span) = tracer.enter(came, true);
    assert!(context == came && span.is_none() && tracer.child(Kind::Client, came).is_none());
    assert_eq!(tracer.enter(None, true).0, None);
}

#[test]
fn a_trace_that_came_goes_on_with_its_flag_whatever_the_share() {
    for (share, text) in [("0", SAMPLED), ("1", UNSAMPLED)] {
        let (tracer, records) = tracer(share);
        let came = TraceContext::parse(text).unwrap();
        let (context, span) = tracer.enter(Some(came), true);
        let context = context.unwrap();
        assert_eq!(
            (context.trace_id(), context.is_sampled()),
            (came.trace_id(), came.is_sampled()),
            "the same trace"
        );
        assert_ne!(context.span_id(), came.span_id(), "the present span, not the one that came");
        assert_eq!(span.is_some(), came.is_sampled());
        drop(span);
        let parents: Vec<_> = records.take().into_iter().map(|record| record.parent).collect();
        assert_eq!(parents, if came.is_sampled() { vec![Some(came.span_id())] } else { vec![] });
    }
}

#[test]
fn a_flag_of_just_anybody_makes_no_more_spans_than_the_share() {
    for (share, text, is_recorded) in [("0", SAMPLED, false), ("1", SAMPLED, true), ("1", UNSAMPLED, false)] {
        let (tracer, records) = tracer(share);
        let came = TraceContext::parse(text).unwrap();
        let (context, span) = tracer.enter(Some(came), false);
        let context = context.unwrap();
        assert_eq!(context.trace_id(), came.trace_id(), "the same trace");
        assert_eq!((context.is_sampled(), span.is_some()), (is_recorded, is_recorded), "{share} {text}");
        drop(span);
        assert_eq!(records.take().len(), usize::from(is_recorded));
    }
}

#[test]
fn a_trace_begins_where_none_came() {
    let (tracer, records) = tracer("1");
    let (first, span) = tracer.enter(None, true);
    let (second, _) = tracer.enter(None, true);
    assert_ne!(first.unwrap().trace_id(), second.unwrap().trace_id());
    drop(span);
    let recorded = records.take();
    assert_eq!(recorded.len(), 2);
    assert!(recorded.iter().all(|record| record.parent.is_none()));
    let (tracer, records) = self::tracer("0");
    let (context, span) = tracer.enter(None, true);
    assert!(!context.unwrap().is_sampled() && span.is_none(), "it has an id, but is not recorded");
    assert!(records.take().is_empty());
}

#[test]
fn a_part_is_recorded_where_its_trace_is() {
    let (tracer, records) = tracer("0");
    let parent = TraceContext::parse(SAMPLED);
    let mut span = tracer.child(Kind::Client, parent).unwrap();
    span.name("Users/Register");
    span.set("rpc.system", "grpc");
    span.set("http.response.status_code", 503_u16);
    span.fail();
    let context = span.context();
    assert_eq!(context.trace_id(), parent.unwrap().trace_id());
    drop(span);
    assert!(tracer.child(Kind::Client, TraceContext::parse(UNSAMPLED)).is_none());
    assert!(tracer.child(Kind::Client, None).is_none());
    tracer.child(Kind::Server, parent).unwrap().forget();
    let recorded = records.take();
    assert_eq!(recorded.len(), 1);
    let record = &recorded[0];
    assert_eq!((record.context, record.parent), (context, parent.map(TraceContext::span_id)));
    assert_eq!((record.kind, &*record.name, record.is_error), (Kind::Client, "Users/Register", true));
    let expected = [("rpc.system", Value::from("grpc")), ("http.response.status_code", Value::Number(503))];
    assert_eq!(record.attributes, expected);
}

#[tokio::test]
async fn a_full_batch_does_not_wait_and_what_is_too_much_is_dropped() {
    let (tracer, records) = tracer("1");
    assert!(records.batch(Duration::from_millis(1)).await.is_empty());
    for _ in 0..MOST + 100 {
        drop(tracer.enter(None, true));
    }
    let mut count = 0;
    while count < MOST {
        let batch = records.batch(Duration::from_secs(3_600)).await;
        assert_eq!(batch.len(), BATCH);
        count += batch.len();
    }
    assert!(records.take().is_empty(), "those beyond are gone");
}
