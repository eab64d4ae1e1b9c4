//! Gzip where none was asked: told by its first bytes, and inflated within a cap.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// The bytes begin like a gzip file.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Why bytes could not be inflated.
#[derive(Debug, thiserror::Error)]
pub enum GzipError {
    /// Damaged, or cut off.
    #[error("damaged or truncated gzip data")]
    Damaged(#[source] std::io::Error),
    /// More than the caller takes; a bomb, or the wrong file.
    #[error("more than {cap} bytes inside the gzip data")]
    TooLarge {
        /// The most that was allowed.
        cap: usize,
    },
}

/// Inflates gzip data to at most `cap` bytes.
///
/// # Errors
/// [`GzipError`] when the data are damaged, cut off or too large; never a part of them.
pub fn inflate(bytes: &[u8], cap: usize) -> Result<Vec<u8>, GzipError> {
    let mut body = Vec::new();
    let more_than_cap = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(bytes)
        .take(more_than_cap)
        .read_to_end(&mut body)
        .map_err(GzipError::Damaged)?;
    if body.len() > cap { Err(GzipError::TooLarge { cap }) } else { Ok(body) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn inflates_what_it_recognizes() {
        let packed = gzip(b"Time Stamp");
        assert!(is_gzip(&packed));
        assert!(!is_gzip(b"Time Stamp"));
        assert_eq!(inflate(&packed, 10).unwrap(), b"Time Stamp");
    }

    #[test]
    fn a_bomb_stops_at_the_cap() {
        let bomb = gzip(&vec![0; 50_000_000]);
        assert!(bomb.len() < 500_000, "small outside: {}", bomb.len());
        let error = inflate(&bomb, 8 << 20).unwrap_err();
        assert_eq!(error.to_string(), "more than 8388608 bytes inside the gzip data");
    }

    #[test]
    fn a_cut_off_file_is_an_error_and_not_its_first_half() {
        let packed = gzip(&b"12/09/2015 00:05,EST,Wind,257.0\r\n".repeat(1000));
        assert!(matches!(
            inflate(&packed[..packed.len() / 2], 1 << 20),
            Err(GzipError::Damaged(_))
        ));
        assert!(matches!(
            inflate(&packed[..packed.len() - 4], 1 << 20),
            Err(GzipError::Damaged(_))
        ));
    }
}
