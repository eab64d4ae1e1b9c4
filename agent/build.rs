//! Notes when the program is built: a clock that shows an earlier time is wrong.

#[expect(clippy::disallowed_methods, reason = "the build has no Clock to ask")]
fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=build.rs");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let built = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|secs| secs.parse().ok())
        .unwrap_or(now.map_or(0, |since| since.as_secs()));
    println!("cargo:rustc-env=NY_POWER_BUILT={built}");
}
