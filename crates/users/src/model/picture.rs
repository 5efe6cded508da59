//! The picture of a profile: what is taken, and the small, upright form without metadata in which it is kept.

use std::io::Cursor;

use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use uuid::Uuid;

/// Most bytes of a picture that comes in.
pub(crate) const MAX_BYTES: usize = 5 << 20;

/// Longest side of a picture that comes in, in pixels.
const MAX_SIDE: u32 = 4096;

/// Longest side of a picture that is kept.
const SIDE: u32 = 512;

/// Most memory of the pixels while a picture is read: the largest one with a byte a channel.
const MAX_MEMORY: u64 = 4 * MAX_SIDE as u64 * MAX_SIDE as u64;

/// Quality of JPEG, of 100.
const QUALITY: u8 = 85;

/// Why a picture is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its bytes are none of the four formats.
    Unknown,
    /// It has too many bytes.
    TooManyBytes,
    /// It has too many pixels.
    TooManyPixels,
    /// It is one of the formats, but broken.
    Broken,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => {
                Problem::new(Code::UnsupportedMediaType, "a picture is a PNG, JPEG, WebP or GIF file")
            }
            Refusal::TooManyBytes => {
                Problem::new(Code::PayloadTooLarge, "a picture has at most 5 MiB; send a smaller one")
            }
            Refusal::TooManyPixels => {
                let detail = "a picture has at most 4096 by 4096 pixels, of a byte a channel at full size; send a smaller one";
                Problem::invalid("/content", "too_large", detail)
            }
            Refusal::Broken => {
                let detail = "the picture cannot be read; save it again as PNG or JPEG";
                Problem::invalid("/content", "broken", detail)
            }
        }
    }
}

/// Refuses by its first bytes and its length what will not be read.
pub(crate) fn check(content: &[u8]) -> Result<ImageFormat, Refusal> {
    if content.len() > MAX_BYTES {
        return Err(Refusal::TooManyBytes);
    }
    match image::guess_format(content) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif)) => {
            Ok(format)
        }
        _ => Err(Refusal::Unknown),
    }
}

/// The form in which a picture is kept: drawn anew, so that nothing but its pixels is left. Of several frames the
/// first counts. JPEG, or PNG where something shines through.
pub(crate) fn redrawn(content: &[u8]) -> Result<Vec<u8>, Refusal> {
    let format = check(content)?;
    let mut reader = ImageReader::with_format(Cursor::new(content), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| refusal(&error))?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > MAX_SIDE || decoder.total_bytes() > MAX_MEMORY {
        return Err(Refusal::TooManyPixels);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| refusal(&error))?;
    if width.max(height) > SIDE {
        picture = picture.thumbnail(SIDE, SIDE);
    }
    picture.apply_orientation(orientation);
    write(&picture).map_err(|error| refusal(&error))
}

fn refusal(error: &image::ImageError) -> Refusal {
    match error {
        image::ImageError::Limits(_) => Refusal::TooManyPixels,
        _ => Refusal::Broken,
    }
}

fn write(picture: &DynamicImage) -> image::ImageResult<Vec<u8>> {
    let mut written = Cursor::new(Vec::new());
    let shines_through =
        picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX);
    if shines_through {
        picture.to_rgba8().write_to(&mut written, ImageFormat::Png)?;
    } else {
        JpegEncoder::new_with_quality(&mut written, QUALITY).encode_image(&picture.to_rgb8())?;
    }
    Ok(written.into_inner())
}

/// The media type of a picture that is kept.
pub(crate) fn media_type(content: &[u8]) -> &'static str {
    if content.starts_with(b"\x89PNG") { "image/png" } else { "image/jpeg" }
}

/// The folder of a person's pictures in the object store.
pub(crate) fn folder(user_id: UserId) -> String {
    format!("avatars/{user_id}")
}

/// The name of a picture in the object store.
pub(crate) fn object(user_id: UserId, avatar: &str) -> String {
    format!("{}/{avatar}", folder(user_id))
}

/// Whose picture an object is, and which.
pub(crate) fn of_object(name: &str) -> Option<(UserId, &str)> {
    let (user_id, avatar) = name.strip_prefix("avatars/")?.split_once('/')?;
    Some((user_id.parse().ok()?, avatar))
}

/// The number of a picture: another one for another picture. Its random bits.
pub(crate) fn version(avatar: &str) -> i64 {
    let bits = avatar.parse::<Uuid>().unwrap_or_default().as_u128() & u128::from(i64::MAX.unsigned_abs());
    i64::try_from(bits).unwrap_or_default()
}

/// Where the picture of an account is fetched.
pub(crate) fn address(user_id: UserId, avatar: &str) -> String {
    format!("/api/v1/users/{user_id}/avatar?v={}", version(avatar))
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
