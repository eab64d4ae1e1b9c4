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
        "app.js": SCRIPT,
        "chart.js": SCRIPT,
        "console.js": SCRIPT,
        "format.js": SCRIPT,
        "mqtt.js": SCRIPT,
        "readings.js": SCRIPT,
        "topics.js": SCRIPT,
        "words.js": SCRIPT,
        "icon.svg": "image/svg+xml",
        "manifest.webmanifest": "application/manifest+json",
    };
    let style = include_str!("assets/style.css");
    let mut all = Sha256::new();
    for (name, _, body) in files {
        all.update(name);
        all.update(Sha256::digest(body));
    }
    let hash = short_hash(&all.finalize());
    let files = files
        .into_iter()
        .map(|(name, content_type, body)| Asset {
            name,
            content_type,
            file: Compressed::new(body.to_vec()),
        })
        .collect();
    let style_hash = format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(style)));
    Assets { prefix: format!("/a/{hash}"), hash, style, style_hash, files }
});

fn short_hash(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
