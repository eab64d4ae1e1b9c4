//! Pages with holes: `{{name}}` takes text, `{{{name}}}` takes markup that was escaped where it was made.

/// A page, cut at its holes.
#[derive(Debug)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Markup(&'static str),
    Text(&'static str),
    Raw(&'static str),
}

/// What goes into one hole.
pub type Filling<'a> = (&'static str, &'a str);

impl Template {
    /// Cuts `page` at its holes.
    ///
    /// # Panics
    /// When a hole has no end: pages are part of the program.
    pub fn new(page: &'static str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = page;
        while let Some((before, after)) = rest.split_once("{{") {
            pieces.push(Piece::Markup(before));
            let (piece, after) = match after.strip_prefix('{') {
                Some(raw) => raw.split_once("}}}").map(|(name, after)| (Piece::Raw(name), after)),
                None => after.split_once("}}").map(|(name, after)| (Piece::Text(name), after)),
            }
            .expect("every hole has an end");
            pieces.push(piece);
            rest = after;
        }
        pieces.push(Piece::Markup(rest));
        Self { pieces }
    }

    /// The page with its holes filled.
    ///
    /// # Panics
    /// When a filling is missing: a test fills every page.
    pub fn fill(&self, fillings: &[Filling<'_>]) -> String {
        let find = |name: &str| {
            let found = fillings.iter().find(|(known, _)| *known == name);
            found.unwrap_or_else(|| panic!("nothing fills {name:?}")).1
        };
        let mut page = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Markup(markup) => page.push_str(markup),
                Piece::Text(name) => escape_into(&mut page, find(name)),
                Piece::Raw(name) => page.push_str(find(name)),
            }
        }
        page
    }
}

/// Text as HTML, in content and in double-quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape_into(&mut escaped, text);
    escaped
}

fn escape_into(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            other => page.push(other),
        }
    }
}

/// JSON for a `<script type="application/json">`: no `<` can end the element.
pub fn json_for_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_markup_is_not() {
        let page = Template::new(r#"<p title="{{text}}">{{{markup}}}</p>{{text}}."#);
        assert_eq!(
            page.fill(&[("text", r#"<img onerror="x">&'"#), ("markup", "<b>{{text}}</b>")]),
            concat!(
                r#"<p title="&lt;img onerror=&quot;x&quot;&gt;&amp;&#39;"><b>{{text}}</b></p>"#,
                "&lt;img onerror=&quot;x&quot;&gt;&amp;&#39;."
            )
        );
    }

    #[test]
    fn json_cannot_end_its_element() {
        assert_eq!(json_for_script(r#"{"a":"</script>"}"#), r#"{"a":"\u003c/script>"}"#);
    }
}
