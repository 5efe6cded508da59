use image::{Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

const RED: Rgb<u8> = Rgb([250, 10, 10]);

fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut content = Cursor::new(Vec::new());
    picture.write_to(&mut content, format).unwrap();
    content.into_inner()
}

fn red(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_pixel(width, height, RED).into()
}

fn read(content: &[u8]) -> DynamicImage {
    image::load_from_memory(content).unwrap()
}

/// A JPEG whose left half is red and right half black, that says it lies on its side, and where it was taken.
fn with_exif(width: u32, height: u32, orientation: u8) -> Vec<u8> {
    let half = RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { Rgb([0, 0, 0]) });
    let plain = written(&half.into(), ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"GPS 48.137 N 11.575 E, by ada@example.test");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat()
}

#[test]
fn the_four_formats_are_taken_and_drawn_small() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        let kept = redrawn(&written(&red(1024, 256), format)).unwrap();
        let seen = read(&kept);
        assert_eq!((seen.width(), seen.height()), (512, 128), "{format:?}");
        let pixel = seen.to_rgb8().get_pixel(100, 60).0;
        assert!(pixel[0] > 230 && pixel[1] < 40 && pixel[2] < 40, "{format:?} {pixel:?}");
    }
    let tiny = read(&redrawn(&written(&red(1, 1), ImageFormat::Png)).unwrap());
    assert_eq!((tiny.width(), tiny.height()), (1, 1), "what is small stays so");
}

#[test]
fn what_shines_through_stays_so() {
    let clear: DynamicImage = RgbaImage::from_pixel(600, 600, Rgba([10, 20, 30, 0])).into();
    let kept = redrawn(&written(&clear, ImageFormat::Png)).unwrap();
    assert_eq!(media_type(&kept), "image/png");
    assert_eq!(read(&kept).to_rgba8().get_pixel(5, 5).0[3], 0);
    let opaque: DynamicImage = RgbaImage::from_pixel(60, 60, Rgba([10, 20, 30, 255])).into();
    assert_eq!(media_type(&redrawn(&written(&opaque, ImageFormat::Png)).unwrap()), "image/jpeg");
}

#[test]
fn the_camera_is_obeyed_and_its_notes_are_gone() {
    let content = with_exif(400, 200, 6);
    let kept = redrawn(&content).unwrap();
    let seen = read(&kept).to_rgb8();
    assert_eq!((seen.width(), seen.height()), (200, 400), "turned by a quarter");
    assert!(seen.get_pixel(100, 50).0[0] > 200, "what was left is above");
    assert!(seen.get_pixel(100, 350).0[0] < 50);
    for note in [b"GPS".as_slice(), b"Exif", b"ada@example"] {
        let holds = |bytes: &[u8]| bytes.windows(note.len()).any(|window| window == note);
        assert!(holds(&content) && !holds(&kept));
    }
}

#[test]
fn bytes_behind_the_picture_are_gone() {
    let script = b"<script>alert(1)</script>";
    let content = [written(&red(8, 8), ImageFormat::Gif).as_slice(), script].concat();
    let kept = redrawn(&content).unwrap();
    assert!(!kept.windows(script.len()).any(|window| window == script));
}

#[test]
fn what_is_no_picture_is_told_by_its_bytes() {
    for content in [
        b"".as_slice(),
        b"hello",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"<html>",
        b"%PDF-1.7",
        b"BM\x36\0\0\0\0\0\0\0",
        b"II*\0\x08\0\0\0",
        b"\0\0\x01\0\x01\0",
    ] {
        assert_eq!(redrawn(content), Err(Refusal::Unknown), "{content:?}");
    }
    let mut large = written(&red(8, 8), ImageFormat::Png);
    large.resize(MAX_BYTES + 1, 0);
    assert_eq!(redrawn(&large), Err(Refusal::TooManyBytes));
}

#[test]
fn a_broken_picture_is_told_and_never_panics() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        let whole = written(&red(64, 64), format);
        for cut in (0..whole.len()).step_by(7) {
            let _ = redrawn(&whole[..cut]);
        }
        for place in (0..whole.len()).step_by(3) {
            let mut changed = whole.clone();
            changed[place] ^= 0xff;
            let _ = redrawn(&changed);
        }
    }
    let png = written(&red(64, 64), ImageFormat::Png);
    assert_eq!(redrawn(&png[..60]), Err(Refusal::Broken));
}

/// The header of a PNG of so many pixels, with nothing behind it.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut content = written(&red(1, 1), ImageFormat::Png);
    content[16..20].copy_from_slice(&width.to_be_bytes());
    content[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc(&content[12..29]);
    content[29..33].copy_from_slice(&sum.to_be_bytes());
    content
}

/// The checksum of a PNG chunk (PNG specification, Annex D).
fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 },
        )
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[test]
fn too_many_pixels_are_refused_before_they_are_drawn() {
    for (width, height) in [(4097, 1), (1, 4097), (100_000, 100_000), (u32::MAX >> 1, 1)] {
        assert_eq!(redrawn(&png_header(width, height)), Err(Refusal::TooManyPixels), "{width}x{height}");
    }
    let gif = [b"GIF89a".as_slice(), &[0xff, 0xff, 0xff, 0xff, 0, 0, 0]].concat();
    assert!(matches!(redrawn(&gif), Err(Refusal::TooManyPixels | Refusal::Broken)));
}

#[test]
fn names_lead_back_and_versions_differ() {
    let user_id = UserId::nil();
    let (one, other) = ("019aa000-0000-7000-8000-0000000000aa", "019aa000-0000-7000-8000-0000000000ab");
    assert_eq!(of_object(&object(user_id, one)), Some((user_id, one)));
    assert_eq!(of_object("avatars/nobody/x"), None);
    assert_eq!(of_object("exports/x/y"), None);
    assert!(version(one) != version(other) && version(one) > 0);
}
