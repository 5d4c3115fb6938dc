//! A table of figures with the bars that they must reach.

/// Prints rows, and counts those that miss their bars.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 5]>,
    missed: usize,
}

/// The bar of a row.
pub enum Bar {
    /// The value must not be lower.
    AtLeast(f64),
    /// The value must not be higher.
    AtMost(f64),
    /// Any value will do.
    None,
}

impl Table {
    /// Prints a row: its name, our figure and the peer's. `value` is what the bar is compared with.
    pub fn row(&mut self, what: &str, ours: String, peer: String, value: f64, bar: Bar) {
        let (bar, passes) = match bar {
            Bar::AtLeast(least) => (format!("≥ {least}"), Some(value >= least)),
            Bar::AtMost(most) => (format!("≤ {most}"), Some(value <= most)),
            Bar::None => (String::new(), None),
        };
        self.missed += usize::from(passes == Some(false));
        let verdict = passes.map_or("", |passes| if passes { "passes" } else { "MISSED" });
        let value = if passes.is_some() { format!("{value:.2}") } else { String::new() };
        let row = [what.to_owned(), ours, peer, value, format!("{bar} {verdict}").trim().to_owned()];
        println!("| {} |", row.join(" | "));
        self.rows.push(row);
    }

    /// Prints the table's head.
    pub fn head() {
        println!("| figure | ours | beside it | value | bar |\n| --- | ---: | ---: | ---: | --- |");
    }

    /// The number of rows that missed their bars.
    #[must_use]
    pub fn missed(&self) -> usize {
        self.missed
    }
}
