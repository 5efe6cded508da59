//! A picture as the body of a request: the bytes themselves, or the one file of a form.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use denizen_kit::problem::Problem;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;

use super::failure::Failure;

/// A picture that was sent.
#[derive(Debug)]
pub(crate) struct Picture(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Picture {
    type Rejection = Failure;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Failure> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_form = media_type.is_some_and(|text| text.to_ascii_lowercase().starts_with("multipart/"));
        let content = if is_form {
            // The door has bounded the body already, by what the operation takes.
            DefaultBodyLimit::disable().apply(&mut request);
            let form = Multipart::from_request(request, state).await;
            only_file(form.map_err(|_| malformed())?).await?
        } else {
            let unread = |_| Problem::malformed("the body of the request broke off");
            request.into_body().collect().await.map_err(unread)?.to_bytes()
        };
        if content.is_empty() {
            return Err(Problem::malformed("the body is empty; send the picture").into());
        }
        Ok(Self(content))
    }
}

/// The one file of a form; other fields are ignored, as everywhere.
async fn only_file(mut form: Multipart) -> Result<Bytes, Problem> {
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(|_| malformed())? {
        if field.file_name().is_none() {
            continue;
        }
        if file.is_some() {
            return Err(Problem::malformed("the form has more than one file; send one picture"));
        }
        file = Some(field.bytes().await.map_err(|_| malformed())?);
    }
    file.ok_or_else(|| {
        Problem::malformed("the form has no file; send the picture in a field with a file name")
    })
}

fn malformed() -> Problem {
    Problem::malformed("the form cannot be read; see RFC 7578")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const FORM: &str = "multipart/form-data; boundary=b";

    async fn read(media_type: &str, body: &'static str) -> Option<Bytes> {
        let request = Request::builder().header(CONTENT_TYPE, media_type).body(Body::from(body)).unwrap();
        Picture::from_request(request, &()).await.ok().map(|picture| picture.0)
    }

    #[tokio::test]
    async fn plain_or_the_one_file_of_a_form() {
        assert_eq!(read("image/png", "bytes").await.unwrap(), "bytes");
        assert_eq!(read("image/png", "").await, None);
        let one = "--b\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nhi\r\n--b\r\n\
                   content-disposition: form-data; name=\"avatar\"; filename=\"a.png\"\r\ncontent-type: text/html\r\n\r\nbytes\r\n--b--\r\n";
        assert_eq!(read(FORM, one).await.unwrap(), "bytes");
        let none = "--b\r\ncontent-disposition: form-data; name=\"avatar\"\r\n\r\nbytes\r\n--b--\r\n";
        let two = "--b\r\ncontent-disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\n1\r\n--b\r\n\
                   content-disposition: form-data; name=\"b\"; filename=\"b\"\r\n\r\n2\r\n--b--\r\n";
        for bad in [none, two, "--b\r\n", "no form", ""] {
            assert_eq!(read(FORM, bad).await, None, "{bad}");
        }
        assert_eq!(read("multipart/form-data", one).await, None, "without its boundary");
    }
}
