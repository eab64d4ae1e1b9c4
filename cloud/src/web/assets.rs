//! The files that the pages are made of: embedded, compressed once, addressed by what they contain.

use std::io::Write;
use std::sync::LazyLock;

use axum::body::Bytes;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Bytes with their gzip and their tag.
#[derive(Clone, Debug)]
pub struct Compressed {
    /// As they are.
    pub plain: Bytes,
    /// For those who accept it.
    pub gzip: Bytes,
    /// The value of the `ETag` header. Weak, since it stands for both encodings.
    pub etag: String,
}

impl Compressed {
    /// Compresses `plain`.
    pub fn new(plain: Vec<u8>) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = encoder
            .write_all(&plain)
            .and_then(|()| encoder.finish())
            .expect("writing to memory does not fail");
        let etag = format!("W/\"{}\"", short_hash(&Sha256::digest(&plain)));
        Self { plain: plain.into(), gzip: gzip.into(), etag }
    }
}

/// One file.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its name below the prefix.
    pub name: &'static str,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// What it contains.
    pub file: Compressed,
}

/// All files.
#[derive(Debug)]
pub struct Assets {
    /// `/a/<hash of all files>`.
    pub prefix: String,
    /// The hash in it.
    pub hash: String,
    /// The style sheet, which stands in each page: one round trip less.
    pub style: &'static str,
    /// Its hash, for the content security policy.
    pub style_hash: String,
    files: Vec<Asset>,
}

impl Assets {
    /// The file of this name.
    pub fn get(&self, name: &str) -> Option<&Asset> {
        self.files.iter().find(|asset| asset.name == name)
    }

    /// Every file.
    pub fn all(&self) -> &[Asset] {
        &self.files
    }
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($name:literal: $content_type:expr),+ $(,)?) => {
        [$(($name, $content_type, include_bytes!(concat!("assets/", $name)).as_slice())),+]
    };
}

/// Made at the first request.
pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let files = files! {
        "about.js": SCRIPT,
        "app.js": SCRIPT,
        "beyond.js": SCRIPT,
        "chart.js": SCRIPT,
        "console.js": SCRIPT,
        "day.js": SCRIPT,
        "format.js": SCRIPT,
        "mix.js": SCRIPT,
        "mqtt.js": SCRIPT,
        "outlook.js": SCRIPT,
        "page.js": SCRIPT,
        "readings.js": SCRIPT,
        "topics.js": SCRIPT,
        "words.js": SCRIPT,
        "icon.svg": "image/svg+xml",
        "manifest.webmanifest": "application/manifest+json",
    };
    let style = include_str!("assets/style.css");
    let files: Vec<Asset> = files
        .into_iter()
        .map(|(name, content_type, body)| {
            let body = match (content_type, std::str::from_utf8(body)) {
                (SCRIPT, Ok(script)) => without_comments(script).into_bytes(),
                _ => body.to_vec(),
            };
            Asset { name, content_type, file: Compressed::new(body) }
        })
        .collect();
    let mut all = Sha256::new();
    for asset in &files {
        all.update(asset.name);
        all.update(Sha256::digest(&asset.file.plain));
    }
    let hash = short_hash(&all.finalize());
    let style_hash = format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(style)));
    Assets { prefix: format!("/a/{hash}"), hash, style, style_hash, files }
});

/// A script without the comments that stand on lines of their own: a quarter of what goes over the wire is
/// for its readers. The lines stay, empty, so that an error names the line of the source.
fn without_comments(script: &str) -> String {
    let mut within = false;
    let mut stripped = String::with_capacity(script.len());
    for line in script.lines() {
        let text = line.trim();
        let begins = text.starts_with("/**");
        // A comment before code on one line stays with it.
        let before_code = begins && text.split_once("*/").is_some_and(|(_, code)| !code.is_empty());
        within |= begins && !before_code;
        if !within && !text.starts_with("//") {
            stripped += line;
        }
        stripped.push('\n');
        within &= !text.ends_with("*/");
    }
    stripped
}

fn short_hash(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_leave_and_lines_stay() {
        let script = "// Why.\nconst a = 1; // Stays: \"//\" may be text.\n/**\n * @param {b}\n */\n  const c = 2;\n  /** @type {d} */\n/** @type {f} */ g = 1;\nlet e = `/* text */`;\n";
        let expected = "\nconst a = 1; // Stays: \"//\" may be text.\n\n\n\n  const c = 2;\n\n/** @type {f} */ g = 1;\nlet e = `/* text */`;\n";
        assert_eq!(without_comments(script), expected);
    }
}
