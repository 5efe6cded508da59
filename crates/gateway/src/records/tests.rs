use super::*;

/// The records of a file, whichever way it is cut into parts.
fn split(shape: Shape, text: &str) -> Result<Vec<String>, Broken> {
    let at_once = parts(shape, text.as_bytes(), text.len().max(1));
    for size in [1, 2, 3, 7] {
        let in_parts = parts(shape, text.as_bytes(), size);
        assert_eq!(in_parts.is_ok(), at_once.is_ok(), "{size}");
        if let (Ok(in_parts), Ok(at_once)) = (&in_parts, &at_once) {
            assert_eq!(in_parts, at_once, "{size}");
        }
    }
    at_once
}

fn parts(shape: Shape, bytes: &[u8], size: usize) -> Result<Vec<String>, Broken> {
    let (mut splitter, mut records) = (Splitter::new(shape), Vec::new());
    for part in bytes.chunks(size) {
        splitter.push(part, &mut records)?;
    }
    splitter.finish(&mut records)?;
    Ok(records)
}

#[test]
fn lines_with_and_without_an_end() {
    assert_eq!(split(Shape::Lines, "{\"a\":1}\r\n\n {\"b\":2}").unwrap(), [r#"{"a":1}"#, r#"{"b":2}"#]);
    assert_eq!(split(Shape::Lines, " \n").unwrap(), Vec::<String>::new());
    assert_eq!(split(Shape::Lines, " [{\"a\":1},{\"b\":2}]").unwrap(), [r#"{"a":1}"#, r#"{"b":2}"#]);
    assert!(matches!(split(Shape::Lines, &"x".repeat(MAX_RECORD + 1)), Err(Broken::TooLong)));
    assert!(matches!(parts(Shape::Lines, b"\xff\n", 9), Err(Broken::NotText)));
}

#[test]
fn documents_give_the_elements_of_users() {
    let realm = r#"{"realm": "x", "roles": {"users": [{"no": 1}]}, "note": "users", "list": [{"no": 2}],
        "users": [ {"a": "}]{\"\\"} , {"b": {"c": [1, {"d": "ü"}]}} ], "last": {"users": []}}"#;
    assert_eq!(
        split(Shape::Document, realm).unwrap(),
        [r#"{"a": "}]{\"\\"}"#, r#"{"b": {"c": [1, {"d": "ü"}]}}"#]
    );
    assert_eq!(split(Shape::Document, "[{\"a\":1}]").unwrap(), [r#"{"a":1}"#]);
    assert_eq!(split(Shape::Document, "{\"users\": []}").unwrap(), Vec::<String>::new());
    assert!(matches!(split(Shape::Document, "{\"people\": [{}]}"), Err(Broken::NoList)));
    assert!(matches!(split(Shape::Document, "{\"users\": [{\"a\":1}, {\"b\""), Err(Broken::Cut)));
}

#[test]
fn rows_of_csv_are_objects() {
    let table = "\u{feff}name,preferences.locale,metadata\r\n\"Ada \"\"A\"\"\r\nL\",de,\"{\"\"a\"\":1}\"\r\nBob,,\r\n";
    assert_eq!(
        split(Shape::Csv, table).unwrap(),
        [
            r#"{"metadata":"{\"a\":1}","name":"Ada \"A\"\r\nL","preferences":{"locale":"de"}}"#,
            r#"{"name":"Bob"}"#
        ]
    );
    assert_eq!(split(Shape::Csv, "name\nAda").unwrap(), [r#"{"name":"Ada"}"#]);
    assert!(matches!(split(Shape::Csv, "a,b\n1,2,3\n"), Err(Broken::TooManyCells(2))));
    assert!(matches!(split(Shape::Csv, "a,a\n1,2\n"), Err(Broken::NoColumns)));
    assert!(matches!(split(Shape::Csv, ""), Err(Broken::NoColumns)));
    assert!(matches!(split(Shape::Csv, &format!("a\n\"{}", "x".repeat(3_000_000))), Err(Broken::TooLong)));
}
