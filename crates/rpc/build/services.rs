//! Writes the clients and servers of the contracts' services.
//!
//! Messages pass through gRPC as bytes (`src/raw.rs`), and a client always speaks through a `Peer`. So its machinery is
//! compiled once, here, and not anew for each method in each crate that calls it, as with the usual generated code
//! (`docs/decisions/0030-compiled-once.md`).

use std::fmt::{Result, Write};

use prost_build::{Method, Service, ServiceGenerator};

/// Writes a module with the client and a module with the server of each service, named as tonic names them.
pub(crate) struct Generator;

// === impl Generator ===

impl ServiceGenerator for Generator {
    fn generate(&mut self, service: Service, buf: &mut String) {
        #[expect(clippy::expect_used, reason = "nothing can fail when text is appended to text")]
        write_service(&service, buf).expect("text grows");
    }
}

fn write_service(service: &Service, out: &mut String) -> Result {
    write_client(service, out)?;
    write_server(service, out)
}

fn write_client(service: &Service, out: &mut String) -> Result {
    let (module, name) = (snake(&service.name), &service.name);
    writeln!(out, "pub mod {module}_client {{")?;
    service.comments.append_with_indent(1, out);
    writeln!(out, "    #[derive(Clone)]\n    pub struct {name}Client(crate::Peer);")?;
    writeln!(out, "    impl {name}Client {{")?;
    writeln!(out, "        pub fn new(peer: crate::Peer) -> Self {{ Self(peer) }}")?;
    for method in &service.methods {
        let (input, path) = (typed(&method.input_type), path(service, method));
        let (output, call) = if method.server_streaming {
            (format!("tonic::Streaming<{}>", typed(&method.output_type)), "stream")
        } else {
            (typed(&method.output_type), "unary")
        };
        method.comments.append_with_indent(2, out);
        writeln!(out, "        pub async fn {}(&mut self, message: {input})", method.name)?;
        writeln!(out, "            -> Result<tonic::Response<{output}>, tonic::Status> {{")?;
        writeln!(out, "            crate::raw::{call}(self.0.clone(), {path:?}, message).await\n        }}")?;
    }
    writeln!(out, "    }}\n}}")
}

fn write_server(service: &Service, out: &mut String) -> Result {
    let (module, name) = (snake(&service.name), &service.name);
    writeln!(out, "pub mod {module}_server {{")?;
    write_trait(service, out)?;
    writeln!(out, "    /// Answers the calls of [`{name}`].")?;
    writeln!(
        out,
        "    #[derive(Debug)]\n    pub struct {name}Server<T> {{ inner: std::sync::Arc<T>, limit: Option<usize> }}"
    )?;
    writeln!(out, "    impl<T> {name}Server<T> {{")?;
    writeln!(out, "        pub fn new(inner: T) -> Self {{ Self::from_arc(std::sync::Arc::new(inner)) }}")?;
    writeln!(
        out,
        "        pub fn from_arc(inner: std::sync::Arc<T>) -> Self {{ Self {{ inner, limit: None }} }}"
    )?;
    writeln!(out, "        /// Messages of at most so many bytes are taken; 4 MiB when nothing is said.")?;
    writeln!(
        out,
        "        #[must_use]\n        pub fn max_decoding_message_size(mut self, limit: usize) -> Self {{"
    )?;
    writeln!(out, "            self.limit = Some(limit);\n            self\n        }}\n    }}")?;
    writeln!(out, "    impl<T> Clone for {name}Server<T> {{")?;
    writeln!(
        out,
        "        fn clone(&self) -> Self {{ Self {{ inner: self.inner.clone(), limit: self.limit }} }}\n    }}"
    )?;
    writeln!(out, "    impl<T> tonic::server::NamedService for {name}Server<T> {{")?;
    writeln!(out, "        const NAME: &'static str = {:?};\n    }}", full_name(service))?;
    write_calls(service, out)?;
    writeln!(out, "}}")
}

/// What the author of a service implements.
fn write_trait(service: &Service, out: &mut String) -> Result {
    service.comments.append_with_indent(1, out);
    writeln!(out, "    #[tonic::async_trait]\n    pub trait {}: Send + Sync + 'static {{", service.name)?;
    for method in &service.methods {
        let output = typed(&method.output_type);
        let answer = if method.server_streaming {
            format!("Self::{}Stream", method.proto_name)
        } else {
            output.clone()
        };
        if method.server_streaming {
            writeln!(out, "        /// What [`{}::{}`] sends.", service.name, method.name)?;
            writeln!(out, "        type {}Stream:", method.proto_name)?;
            writeln!(
                out,
                "            futures::Stream<Item = Result<{output}, tonic::Status>> + Send + 'static;"
            )?;
        }
        method.comments.append_with_indent(2, out);
        writeln!(
            out,
            "        async fn {}(&self, request: tonic::Request<{}>)",
            method.name,
            typed(&method.input_type)
        )?;
        writeln!(out, "            -> Result<tonic::Response<{answer}>, tonic::Status>;")?;
    }
    writeln!(out, "    }}")
}

/// Finds the method of a path.
fn write_calls(service: &Service, out: &mut String) -> Result {
    let name = &service.name;
    writeln!(
        out,
        "    impl<T: {name}> tower::Service<http::Request<tonic::body::Body>> for {name}Server<T> {{"
    )?;
    writeln!(out, "        type Response = http::Response<tonic::body::Body>;")?;
    writeln!(out, "        type Error = std::convert::Infallible;")?;
    writeln!(out, "        type Future = crate::raw::Answer;")?;
    writeln!(out, "        fn poll_ready(&mut self, _: &mut std::task::Context<'_>)")?;
    writeln!(
        out,
        "            -> std::task::Poll<Result<(), Self::Error>> {{ std::task::Poll::Ready(Ok(())) }}"
    )?;
    writeln!(
        out,
        "        fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {{"
    )?;
    writeln!(out, "            let inner = self.inner.clone();")?;
    writeln!(out, "            match request.uri().path() {{")?;
    for method in &service.methods {
        let (answer, encoded) =
            if method.server_streaming { ("answer_stream", "encode_stream") } else { ("answer", "encode") };
        writeln!(
            out,
            "                {:?} => crate::raw::{answer}(self.limit, request, move |request| {{",
            path(service, method)
        )?;
        writeln!(out, "                    let inner = inner.clone();")?;
        writeln!(out, "                    Box::pin(async move {{")?;
        writeln!(out, "                        let request = crate::raw::decode_request(request)?;")?;
        writeln!(
            out,
            "                        Ok(crate::raw::{encoded}(<T as {name}>::{}(&inner, request).await?))",
            method.name
        )?;
        writeln!(out, "                    }})\n                }}),")?;
    }
    writeln!(out, "                _ => crate::raw::unimplemented(),")?;
    writeln!(out, "            }}\n        }}\n    }}")
}

/// A type of the package, as seen from a module within.
fn typed(name: &str) -> String {
    if name.starts_with("::") { name.to_owned() } else { format!("super::{name}") }
}

fn full_name(service: &Service) -> String {
    format!("{}.{}", service.package, service.proto_name)
}

fn path(service: &Service, method: &Method) -> String {
    format!("/{}/{}", full_name(service), method.proto_name)
}

/// `DeadLetters` as `dead_letters`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
