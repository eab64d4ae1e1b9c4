use reqwest::{Method, StatusCode};

use super::{CARBON_NOW, Site, header};

#[tokio::test]
async fn pages_answer_with_type_cache_and_policy() {
    let site = Site::full().await;
    let console = site.text("/console").await;
    for path in ["/", "/console", "/mqtt"] {
        let page = site.get(path).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&page, "cache-control"), "no-cache");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        assert_eq!(header(&page, "set-cookie"), "");
        assert!(header(&page, "etag").starts_with("W/\""), "{path}");
        let policy = header(&page, "content-security-policy").to_owned();
        let (before, rest) = policy.split_once("sha256-").unwrap();
        let (_, after) = rest.split_once('\'').unwrap();
        assert_eq!(before, "default-src 'none'; script-src 'self'; style-src '");
        assert_eq!(
            after,
            "; connect-src 'self'; img-src 'self' data:; manifest-src 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        let html = page.text().await.unwrap();
        assert!(!html.contains("{{") && !html.contains(" style="), "{path}");
        if path == "/mqtt" {
            assert_eq!(html, console);
        }
    }
}

#[tokio::test]
async fn the_style_in_the_page_has_the_hash_of_the_policy() {
    use base64::Engine;
    use sha2::{Digest, Sha256};

    let site = Site::start().await;
    for path in ["/", "/console", "/nowhere"] {
        let page = site.get(path).await;
        let policy = header(&page, "content-security-policy").to_owned();
        let html = page.text().await.unwrap();
        let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = base64::prelude::BASE64_STANDARD.encode(Sha256::digest(style));
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{path}: {policy}");
    }
}

#[tokio::test]
async fn the_first_paint_holds_the_newest_data() {
    let site = Site::full().await;
    let html = site.text("/").await;
    for part in [
        "<title>208 g/kWh, clean: New York grid now</title>",
        r#"<span class="value" id="value">208</span>"#,
        r#"data-state="fresh" data-verdict="clean""#,
        "Cleaner than 76 of 100 hours this week",
        "Measured 6:00 PM, 12 min ago, NYISO",
        "<td>5,413 MW</td>",
        r#"<th scope="row">Tue 5 PM</th>"#,
        r#"id="banner" hidden"#,
        r#""build":"build-1","root":"ny-power""#,
        CARBON_NOW,
    ] {
        assert!(html.contains(part), "the page lacks {part}");
    }

    let newer = CARBON_NOW.replace("22:00:00", "22:10:00").replace("208.4", "231.6");
    site.accept("computed/co2", &newer);
    assert!(site.text("/").await.contains(r#"id="value">232</span>"#));
    site.set_clock("2026-03-10T22:45:00Z");
    assert!(site.text("/").await.contains("Measured 6:10 PM, 35 min ago. NYISO has published"));
}

#[tokio::test]
async fn hostile_payloads_stay_text() {
    let site = Site::full().await;
    let mix = super::MIX
        .replace("22:00:00", "22:05:00")
        .replace(r#""Hydro""#, r#""</script><img src=x onerror=alert(1)>":1.0,"Hydro""#);
    site.accept("upstream/mix", &mix);
    let html = site.text("/").await;
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert!(html.contains(r"\u003c/script>\u003cimg"));
    assert!(!html.contains("<img"));
}

#[tokio::test]
async fn demo_data_are_labeled_on_every_page() {
    let site = Site::full().await;
    site.accept(
        "computed/co2",
        &CARBON_NOW.replace("22:00:00", "22:05:00").replace("nyiso", "generated"),
    );
    for path in ["/", "/console", "/nowhere"] {
        let html = site.text(path).await;
        assert!(html.contains("Generated demo data: not New York’s grid"), "{path}");
        assert!(!html.contains(r#"id="banner" hidden"#), "{path}");
    }
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let site = Site::full().await;
    let page = site.get("/").await;
    let etag = header(&page, "etag").to_owned();
    let again = site.ask(Method::GET, "/", &[("if-none-match", &etag)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.text().await.unwrap(), "");
    // The ages in it are counted in minutes.
    site.set_clock("2026-03-10T22:13:00Z");
    let later = site.ask(Method::GET, "/", &[("if-none-match", &etag)]).await;
    assert_eq!(later.status(), StatusCode::OK);
}

#[tokio::test]
async fn gzip_for_those_who_take_it() {
    use std::io::Read;

    let site = Site::full().await;
    let plain = site.text("/").await;
    let zipped = site.ask(Method::GET, "/", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(header(&zipped, "content-encoding"), "gzip");
    assert_eq!(header(&zipped, "vary"), "Accept-Encoding");
    let bytes = zipped.bytes().await.unwrap();
    assert!(bytes.len() * 2 < plain.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain);
}

#[tokio::test]
async fn head_says_what_get_would() {
    let site = Site::full().await;
    for path in ["/", "/console", "/mqtt", "/current/co2", "/range/co2", "/schemas/mix.json"] {
        let get = site.get(path).await;
        let head = site.ask(Method::HEAD, path, &[]).await;
        assert_eq!(head.status(), get.status(), "{path}");
        for name in ["content-type", "content-length", "etag", "content-security-policy"] {
            assert_eq!(header(&head, name), header(&get, name), "{path} {name}");
        }
        assert_eq!(head.text().await.unwrap(), "");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_small_page() {
    let site = Site::start().await;
    for path in ["/nowhere", "/a/x/y", "/schemas/none.json", "/a/%ff/app.js", "/current"] {
        let page = site.get(path).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert!(header(&page, "content-security-policy").contains("style-src 'sha256-"), "{path}");
        assert!(page.text().await.unwrap().contains("There is no such page"), "{path}");
    }
}

#[tokio::test]
async fn nothing_can_be_changed() {
    let site = Site::full().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        for path in ["/", "/mqtt", "/current/co2", "/metrics"] {
            let answer = site.ask(method.clone(), path, &[]).await;
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(header(&answer, "allow"), "GET, HEAD");
        }
    }
}
