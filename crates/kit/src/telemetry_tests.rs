//! The lines of requests, and their way out.

use super::*;

fn request(request_id: &str) -> Request<'_> {
    let at = Timestamp::from_microsecond(1_769_857_200_500_000).unwrap();
    let (method, route) = ("GET", "/api/v1/users/{id}");
    let (status, micros, trace_id, is_observed) = (200, 42, None, false);
    Request { at, method, route, status, micros, request_id, trace_id, is_observed }
}

fn written(lines: &Lines<Vec<u8>>) -> String {
    String::from_utf8(lock(&lines.sink).out.clone()).unwrap()
}

#[test]
fn a_request_is_one_line_in_either_form() {
    let mut text = Vec::new();
    request("r-1").write(Form::Text, &mut text);
    let expected = "2026-01-31T11:00:00.500000Z  INFO request method=\"GET\" route=\"/api/v1/users/{id}\" status=200 us=42 request_id=\"r-1\"\n";
    assert_eq!(String::from_utf8(text).unwrap(), expected);
    let mut text = Vec::new();
    request("r-1").write(Form::Json, &mut text);
    let line: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(line["timestamp"], "2026-01-31T11:00:00.500000Z");
    assert_eq!((&line["route"], &line["status"]), (&"/api/v1/users/{id}".into(), &200.into()));
    assert_eq!((&line["us"], &line["request_id"]), (&42.into(), &"r-1".into()));
    assert_eq!((&line["target"], &line["message"]), (&"access".into(), &"request".into()));
    assert!(line.get("trace_id").is_none() && line.get("limited").is_none(), "{line}");
}

#[test]
fn a_request_beyond_a_limit_that_observes_says_so() {
    let beyond = Request { trace_id: NonZeroU128::new(0xabc), is_observed: true, ..request("r-1") };
    let mut text = Vec::new();
    beyond.write(Form::Text, &mut text);
    assert!(String::from_utf8(text).unwrap().ends_with("abc\" limited=\"observed\"\n"));
    let mut text = Vec::new();
    beyond.write(Form::Json, &mut text);
    let line: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&line["limited"], &line["target"]), (&"observed".into(), &"access".into()));
}

#[test]
fn a_request_in_a_trace_says_in_which() {
    let traced = Request { trace_id: NonZeroU128::new(0xabc), ..request("r-1") };
    let mut text = Vec::new();
    traced.write(Form::Text, &mut text);
    let id = "00000000000000000000000000000abc";
    assert!(String::from_utf8(text).unwrap().ends_with(&format!(" request_id=\"r-1\" trace_id=\"{id}\"\n")));
    let mut text = Vec::new();
    traced.write(Form::Json, &mut text);
    let line: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&line["trace_id"], &line["target"]), (&id.into(), &"access".into()));
}

#[test]
fn lines_of_requests_wait_but_keep_their_place() {
    let lines = Lines::new(Vec::new());
    lines.add(|text| text.extend(b"first\n"));
    lines.add(|text| text.extend(b"second\n"));
    assert_eq!(written(&lines), "");
    lines.write_at_once(b"at once\n").unwrap();
    lines.add(|text| text.extend(b"third\n"));
    assert_eq!(written(&lines), "first\nsecond\nat once\n");
    lines.flush().unwrap();
    lines.flush().unwrap();
    assert_eq!(written(&lines), "first\nsecond\nat once\nthird\n");
}

#[test]
fn what_is_too_much_is_dropped_and_counted() {
    let lines = Lines::new(Vec::new());
    lines.add(|text| text.resize(MOST, b'x'));
    lines.add(|_| panic!("there is no room"));
    lines.add(|_| panic!("there is no room"));
    lines.flush().unwrap();
    assert!(written(&lines).ends_with("\"count\":2}\n"));
    lines.add(|text| text.extend(b"again\n"));
    lines.flush().unwrap();
    assert!(written(&lines).ends_with("again\n"));
}

/// Hands on what is written.
struct Out(std::sync::mpsc::Sender<Vec<u8>>);
impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_batch_is_written_without_further_ado() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let lines = Arc::new(Lines::new(Out(sender)));
    let writer = lines.clone();
    std::thread::spawn(move || writer.write_for_ever());
    lines.add(|text| text.extend(b"line\n"));
    assert_eq!(receiver.recv().unwrap(), b"line\n");
    lines.add(|text| text.extend(b"next\n"));
    assert_eq!(receiver.recv().unwrap(), b"next\n");
}
