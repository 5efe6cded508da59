//! Answers of any length as CSV (RFC 4180), written as they come. A cell that a spreadsheet would take for a formula
//! is made a text.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use denizen_kit::problem::Problem;
use futures::{Stream, StreamExt as _};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

/// The media type of CSV with a line of names.
const CSV: &str = "text/csv; charset=utf-8; header=present";

/// Something that is a row.
pub(crate) trait Cells {
    /// Its cells, in the order of the columns.
    fn cells(&self) -> Vec<String>;
}

/// Whether the client asks for CSV.
pub(crate) fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(',')).filter_map(|part| part.split(';').next());
    types.any(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
}

/// The answer of these parts, each some rows, after a line with the names of the columns. A failure in the midst breaks
/// the answer off, so that no client takes half a list for the whole.
pub(crate) fn csv<T: Cells>(
    columns: &[&str],
    parts: impl Stream<Item = Result<Vec<T>, Problem>> + Send + 'static,
) -> Response {
    let head = row(columns.iter().map(|name| (*name).to_owned()));
    let head = futures::stream::iter([Ok::<_, Problem>(Bytes::from(head))]);
    let rows = parts.map(|part| {
        Ok(Bytes::from(part?.iter().map(|item| row(item.cells().into_iter())).collect::<String>()))
    });
    let mut response = Response::new(Body::from_stream(head.chain(rows)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CSV));
    response
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.map(|text| cell(&text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// One cell. Spreadsheets calculate what begins with one of these signs, whoever wrote it (OWASP, CSV injection).
fn cell(text: &str) -> String {
    let calculates = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if calculates { format!("'{text}") } else { text.to_owned() };
    let is_plain = !text.contains(['"', ',', '\r', '\n']);
    if is_plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use denizen_kit::problem::Code;
    use http_body_util::BodyExt as _;

    use super::*;

    struct Row(&'static str);

    impl Cells for Row {
        fn cells(&self) -> Vec<String> {
            vec![self.0.to_owned(), "x".to_owned()]
        }
    }

    #[tokio::test]
    async fn a_head_then_rows() {
        let parts = futures::stream::iter([Ok(vec![Row("a"), Row("b,c")]), Ok(vec![])]);
        let response = csv(&["one", "two"], parts);
        assert!(response.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("text/csv"));
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes, "one,two\r\na,x\r\n\"b,c\",x\r\n");
    }

    #[tokio::test]
    async fn a_failure_breaks_the_answer_off() {
        let parts =
            futures::stream::iter([Ok(vec![Row("a")]), Err(Problem::new(Code::Unavailable, "later"))]);
        assert!(csv(&["one", "two"], parts).into_body().collect().await.is_err());
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, written) in [
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("+49151", "'+49151"),
            ("-1+1", "'-1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("＝1", "'＝1"),
            ("Ada \"A\" Byron", "\"Ada \"\"A\"\" Byron\""),
            ("ada@example.test", "ada@example.test"),
            ("", ""),
        ] {
            assert_eq!(cell(text), written);
        }
    }

    #[test]
    fn csv_is_for_those_who_ask() {
        let asks = |value: &'static str| {
            wants_csv(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]))
        };
        assert!(asks("text/csv") && asks("application/json;q=0.1, Text/CSV;header=present"));
        assert!(!asks("application/json") && !asks("*/*"));
    }
}
