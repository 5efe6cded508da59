//! A mail server as small as can be, that takes, puts off, refuses or keeps silent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a recipient.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    Takes,
    Answers(&'static str),
    /// Says nothing after the data.
    Silent,
    /// Greets with this.
    Greets(&'static str),
}

/// A mail: its recipients as they were commanded, and its text.
type Mail = (Vec<String>, String);

/// A mail server as small as can be: what it was given, and how often it was connected to.
#[derive(Clone, Default)]
pub(crate) struct Sink {
    pub(crate) mails: Arc<Mutex<Vec<Mail>>>,
    pub(crate) connections: Arc<AtomicUsize>,
    mood: Arc<Mutex<Option<Mood>>>,
}

impl Sink {
    /// The server, and its address.
    pub(crate) async fn start(mood: Mood) -> (Self, String) {
        let sink = Self { mood: Arc::new(Mutex::new(Some(mood))), ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        (sink, url)
    }

    fn mood(&self) -> Mood {
        self.mood.lock().unwrap().unwrap()
    }

    /// Changes what it does.
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = Some(mood);
    }

    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let greeting = match self.mood() {
            Mood::Greets(greeting) => greeting,
            _ => "220 sink",
        };
        say(&mut stream, greeting).await?;
        let mut recipients = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let verb = line.get(..4).unwrap_or_default().to_uppercase();
            match verb.as_str() {
                "EHLO" => say(&mut stream, "250 sink").await?,
                "RCPT" => {
                    recipients.push(line.trim().to_owned());
                    let answer = match self.mood() {
                        Mood::Answers(answer) => answer,
                        _ => "250 ok",
                    };
                    say(&mut stream, answer).await?;
                }
                "DATA" => {
                    say(&mut stream, "354 go on").await?;
                    let text = read_data(&mut stream).await?;
                    self.mails.lock().unwrap().push((std::mem::take(&mut recipients), text));
                    if self.mood() == Mood::Silent {
                        std::future::pending::<()>().await;
                    }
                    say(&mut stream, "250 taken").await?;
                }
                "QUIT" => return say(&mut stream, "221 bye").await,
                _ => say(&mut stream, "250 ok").await?,
            }
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> Option<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.ok()
}

async fn read_data(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    while !text.ends_with("\r\n.\r\n") {
        if stream.read_line(&mut text).await.ok()? == 0 {
            return None;
        }
    }
    Some(text)
}
