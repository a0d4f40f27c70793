//! A ticket's code as a picture.

use qrcode::{EcLevel, QrCode, render::svg, types::QrError};

/// Side of the picture, in pixels of its own; it scales without loss.
const SIDE_PX: u32 = 320;

/// An SVG picture of `code`, black on white with the quiet zone that scanners need.
///
/// # Errors
/// When `code` does not fit: 2,331 bytes are the most.
pub fn svg(code: &str) -> Result<String, QrError> {
    // Level M survives a scratched screen and keeps the squares large.
    let qr = QrCode::with_error_correction_level(code, EcLevel::M)?;
    let colours = (svg::Color("#000000"), svg::Color("#ffffff"));
    Ok(qr
        .render()
        .min_dimensions(SIDE_PX, SIDE_PX)
        .dark_color(colours.0)
        .light_color(colours.1)
        .quiet_zone(true)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_becomes_one_standalone_picture() {
        let picture = svg(&format!("TKT1.{}", "aZ0-_".repeat(36))).unwrap();
        assert!(picture.starts_with("<?xml") && picture.trim_end().ends_with("</svg>"), "{picture}");
        assert!(!picture.contains("href"), "nothing is fetched from elsewhere");
        assert_ne!(picture, svg("TKT1.another").unwrap());
    }

    #[test]
    fn a_code_that_does_not_fit_is_refused() {
        assert!(svg(&"a".repeat(2_332)).is_err());
        assert!(svg(&"a".repeat(2_331)).is_ok());
    }
}
