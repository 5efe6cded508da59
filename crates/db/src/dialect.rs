//! Where the two engines differ in words: the DDL types, and the names of what is duplicate.

/// Our DDL words and what SQLite calls them.
const WORDS: [(&str, &str); 6] = [
    ("UUID", "BLOB"),
    ("TIMESTAMPTZ", "INTEGER"),
    ("BIGINT", "INTEGER"),
    ("BOOLEAN", "INTEGER"),
    ("JSONB", "TEXT"),
    ("BYTEA", "BLOB"),
];

/// A piece of SQL text.
enum Piece<'a> {
    /// A name, a key word or a number.
    Word(&'a str),
    /// A quoted text or a comment, left as it is.
    Quoted(&'a str),
    /// Anything else, one character at a time.
    Other(&'a str),
}

/// The collation of columns that are sorted or searched by prefix: by code point, as SQLite does by itself.
const COLLATION: &str = " COLLATE \"C\"";

/// The DDL for SQLite: whole words swapped, collations dropped, tables STRICT.
pub(crate) fn for_sqlite(ddl: &str) -> String {
    let ddl = ddl.replace(COLLATION, "");
    let mut out = String::with_capacity(ddl.len() + 64);
    let mut words: Vec<String> = Vec::new();
    // Where the statement's last piece ends, before comments and blanks that follow it.
    let mut end = 0;
    let mut rest = ddl.as_str();
    while let Some((piece, after)) = next(rest) {
        rest = after;
        match piece {
            Piece::Quoted(text) => out.push_str(text),
            Piece::Word(word) => {
                out.push_str(swapped(word));
                words.push(word.to_ascii_uppercase());
                end = out.len();
            }
            Piece::Other(";") => {
                end_statement(&mut out, end, &words);
                words.clear();
                out.push(';');
            }
            Piece::Other(text) => {
                out.push_str(text);
                end = if text.trim().is_empty() { end } else { out.len() };
            }
        }
    }
    end_statement(&mut out, end, &words);
    out
}

fn swapped(word: &str) -> &str {
    WORDS.iter().find(|(ours, _)| *ours == word).map_or(word, |(_, sqlite)| sqlite)
}

fn end_statement(out: &mut String, end: usize, words: &[String]) {
    let is_table = words.len() > 2 && words[0] == "CREATE" && words[1] == "TABLE";
    if is_table && words.last().is_some_and(|last| last != "STRICT") {
        out.insert_str(end, " STRICT");
    }
}

/// The next piece of a text and what follows it.
fn next(text: &str) -> Option<(Piece<'_>, &str)> {
    let first = text.chars().next()?;
    let cut = |length: usize| text.split_at(length.min(text.len()));
    if first == '\'' || first == '"' {
        let length = text[1..].find(first).map_or(text.len(), |end| end + 2);
        let (piece, rest) = cut(length);
        return Some((Piece::Quoted(piece), rest));
    }
    if text.starts_with("--") {
        let (piece, rest) = cut(text.find('\n').unwrap_or(text.len()));
        return Some((Piece::Quoted(piece), rest));
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if is_word(first) {
        let (piece, rest) = cut(text.find(|c: char| !is_word(c)).unwrap_or(text.len()));
        return Some((Piece::Word(piece), rest));
    }
    let (piece, rest) = cut(first.len_utf8());
    Some((Piece::Other(piece), rest))
}

/// `users.email_index` from a table and the name of its constraint or index.
pub(crate) fn constraint(table: &str, name: &str) -> String {
    let columns = name.strip_prefix(table).and_then(|rest| rest.strip_prefix('_')).unwrap_or(name);
    let columns = columns.strip_suffix("_key").unwrap_or(columns);
    format!("{table}.{columns}")
}

/// `users.a_b` from SQLite's `UNIQUE constraint failed: users.a, users.b`.
pub(crate) fn unique_columns(message: &str) -> String {
    let list = message.rsplit(": ").next().unwrap_or_default();
    let (table, _) = list.split_once('.').unwrap_or((list, ""));
    let columns: Vec<&str> =
        list.split(", ").filter_map(|item| item.split_once('.')).map(|pair| pair.1).collect();
    format!("{table}.{}", columns.join("_"))
}

/// `users.pkey` from the same message about a primary key.
pub(crate) fn primary_key(message: &str) -> String {
    let columns = unique_columns(message);
    let (table, _) = columns.split_once('.').unwrap_or((&columns, ""));
    format!("{table}.pkey")
}

/// The index in SQLite's `UNIQUE constraint failed: index 'users_lower_key'`.
pub(crate) fn index_name(message: &str) -> Option<&str> {
    message.split_once(": index '")?.1.strip_suffix('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_swapped_and_tables_strict() {
        let ddl = "-- UUID of BIGINT; a comment\nCREATE TABLE a (id UUID PRIMARY KEY, my_UUID BOOLEAN NOT NULL,\n  \
                   note TEXT DEFAULT 'a BIGINT; said'\n);\nCREATE UNIQUE INDEX a_note_key ON a (note);\n\
                   CREATE TABLE b (at TIMESTAMPTZ, data JSONB, raw BYTEA) -- end\n";
        let expected = "-- UUID of BIGINT; a comment\nCREATE TABLE a (id BLOB PRIMARY KEY, my_UUID INTEGER NOT NULL,\n  \
                        note TEXT DEFAULT 'a BIGINT; said'\n) STRICT;\nCREATE UNIQUE INDEX a_note_key ON a (note);\n\
                        CREATE TABLE b (at INTEGER, data TEXT, raw BLOB) STRICT -- end\n";
        assert_eq!(for_sqlite(ddl), expected);
        assert_eq!(for_sqlite(expected), expected);
        assert_eq!(
            for_sqlite("CREATE TABLE a (b TEXT COLLATE \"C\" NOT NULL)"),
            "CREATE TABLE a (b TEXT NOT NULL) STRICT"
        );
    }

    #[test]
    fn both_engines_name_a_duplicate_alike() {
        assert_eq!(unique_columns("UNIQUE constraint failed: users.email"), "users.email");
        assert_eq!(constraint("users", "users_email_key"), "users.email");
        assert_eq!(unique_columns("UNIQUE constraint failed: t.a, t.b"), "t.a_b");
        assert_eq!(constraint("t", "t_a_b_key"), "t.a_b");
        assert_eq!(primary_key("UNIQUE constraint failed: users.id"), "users.pkey");
        assert_eq!(constraint("users", "users_pkey"), "users.pkey");
        assert_eq!(index_name("UNIQUE constraint failed: index 'a_key'"), Some("a_key"));
    }
}
