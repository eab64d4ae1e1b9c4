//! The settings file that explains itself: the example, with the answers in their places.

use toml::Value;

/// Puts the answers where the example shows their defaults. What the example does not know goes to the end of
/// its section; a section it does not know, to the end.
pub fn fill(example: &str, answers: &[(String, Value)]) -> String {
    let mut lines: Vec<String> = example.lines().map(str::to_owned).collect();
    for (key, value) in answers {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let line = format!("{name} = {value}");
        let span = match span(&lines, section) {
            Some(span) => span,
            None => {
                lines.extend([String::new(), format!("[{section}]")]);
                lines.len()..lines.len()
            }
        };
        let shown = [format!("# {name} = "), format!("{name} = ")];
        let place = span.clone().find(|at| shown.iter().any(|shown| lines[*at].starts_with(shown)));
        match place {
            Some(at) => lines[at] = line,
            None => {
                let written = |at: &usize| !lines[*at].trim().is_empty();
                let after = span.clone().rev().find(written).map_or(span.start, |at| at + 1);
                lines.insert(after, line);
            }
        }
    }
    lines.join("\n") + "\n"
}

/// The lines of a section, without its header; the top has none.
fn span(lines: &[String], section: &str) -> Option<std::ops::Range<usize>> {
    let start = match section {
        "" => 0,
        section => lines.iter().position(|line| *line == format!("[{section}]"))? + 1,
    };
    let end = lines[start..].iter().position(|line| line.starts_with('['));
    Some(start..end.map_or(lines.len(), |end| start + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "## Where.\n# dir = \"/x\"\n\n[feed]\n## Address.\n# url = \"a\"\n\n[feed.more]\n# url = \"b\"\n";

    #[track_caller]
    fn check(answers: &[(&str, &str)], expected: &str) {
        let answers: Vec<_> =
            answers.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        assert_eq!(fill(EXAMPLE, &answers), expected);
    }

    #[test]
    fn an_answer_stands_where_its_default_stood() {
        check(&[], EXAMPLE);
        check(&[("dir", "/y")], &EXAMPLE.replace("# dir = \"/x\"", "dir = \"/y\""));
        check(&[("feed.url", "c")], &EXAMPLE.replace("# url = \"a\"", "url = \"c\""));
        check(&[("feed.more.url", "c")], &EXAMPLE.replace("# url = \"b\"", "url = \"c\""));
        check(&[("dir", "/y"), ("dir", "/z")], &EXAMPLE.replace("# dir = \"/x\"", "dir = \"/z\""));
    }

    #[test]
    fn what_the_example_does_not_know_has_a_place_too() {
        check(&[("feed.new", "c")], &EXAMPLE.replace("\"a\"\n", "\"a\"\nnew = \"c\"\n"));
        check(&[("top", "c")], &EXAMPLE.replace("\"/x\"\n", "\"/x\"\ntop = \"c\"\n"));
        check(&[("other.new", "c")], &format!("{EXAMPLE}\n[other]\nnew = \"c\"\n"));
    }
}
