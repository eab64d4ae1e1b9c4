//! A GPIO line that is not there; one that is there needs a machine that has one.

use crate::program::{Home, output};

#[test]
fn a_chip_that_is_not_there_ends_the_start_with_a_clear_line() {
    let home = Home::new(
        "[actuator]\nkind = \"gpio\"\n[actuator.gpio]\nchip = \"no-such-chip\"\nline = 17\ncontact = \"nc\"",
    );
    let (code, _, log) = output(crate::program::command(&home.config()).arg("run"));
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("the relay cannot be used"), "{log}");
    // A machine whose chips we may not open says so instead.
    let told = log.contains("there is no GPIO chip \"no-such-chip\"; there is");
    assert!(told || log.contains("group gpio"), "{log}");
}
